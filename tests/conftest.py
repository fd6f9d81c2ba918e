"""What every test may use: worlds and a registry, each started only where a test asks for it."""

pytest_plugins = ["lockgate_sandbox.pytest_plugin", "lockgate_sandbox.registry.pytest_plugin"]
