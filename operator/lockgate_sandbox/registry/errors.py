"""What a request to the registry can be refused for, with the HTTP status the refusal carries.

Errors only carry words; the GraphQL layer and the HTTP layer turn them into answers.
"""

from lockgate_sandbox.errors import SandboxError


class RegistryError(SandboxError):
    """A request was refused; `status` is the HTTP status of the answer, `code` its GraphQL extension."""

    status = 400
    code = "BAD_REQUEST"


class Invalid(RegistryError):
    """The request itself is wrong; repeating it will not help."""


class Unauthenticated(RegistryError):
    """No key, or a key nobody here has."""

    status = 401
    code = "UNAUTHENTICATED"


class Denied(RegistryError):
    """The key is known, but its role does not allow this."""

    status = 403
    code = "PERMISSION_ERROR"


class Missing(RegistryError):
    """The thing to be changed does not exist."""

    status = 404
    code = "NOT_FOUND"


class Conflict(RegistryError):
    """The change contradicts what is already stored."""

    status = 409
    code = "CONFLICT"
