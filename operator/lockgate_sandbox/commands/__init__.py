"""The command line of the sandbox: `python -m lockgate_sandbox`."""
