"""The registry fixture, for the tests beneath."""

from lockgate_sandbox.registry.pytest_plugin import registry

__all__ = ["registry"]
