"""What can be wrong with a model or with a request, each in one sentence for whoever sent it."""


class ModelError(Exception):
    """The model cannot be served at all; the server does not start."""


class RequestError(Exception):
    """A request that cannot be answered; `status` is the HTTP status that says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
