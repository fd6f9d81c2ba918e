"""One long-lived `wandb.Api` and what its failures mean.

The client is a thin shell over a process of its own (wandb-core). It is started when first
needed, so that the operator starts whether the registry is up or not, and built anew when the
key changes or that process dies: a dead one is never healed by the client itself.
"""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lockgate.errors import AccessDenied, LockgateError, RegistryClientFailed
from lockgate.wandb_client.environment import isolate_environment
from lockgate.wandb_client.translate import translate

T = TypeVar("T")


class BatchRefused(Exception):
    """The installed client or the server does not take several look-ups in one request."""


class WandbConnection:
    """Gives out the client; translates everything that it raises."""

    def __init__(self, *, base_url: str, api_key_file: Path | None, timeout: float) -> None:
        self._base_url = base_url.rstrip("/")
        self._api_key_file = api_key_file
        self._timeout = timeout
        self._lock = threading.RLock()
        self._api: Any = None
        self._key: str | None = None
        # Which client it is: of many callers that find one dead, only the first may replace it.
        self._generation = 0
        self._begun = False

    def call(self, what: str, action: Callable[[Any], T]) -> T:
        """Run `action` on the client, once more on a new one if its process had died.

        Raises a LockgateError; `what` reads like "look up model/churn:production".
        """
        generation = self._generation
        try:
            return self._once(what, action)
        except RegistryClientFailed:
            self._drop(generation)
            return self._once(what, action)

    def drop(self) -> None:
        """Let go of the client and end its process; the next call builds a new one."""
        self._drop(None)

    def _drop(self, generation: int | None) -> None:
        with self._lock:
            if generation not in (None, self._generation):
                return
            self._generation += 1
            self._api = None
            if not self._begun:
                return
            import wandb

            # A teardown over a dead process raises, and has cleared what matters by then.
            with contextlib.suppress(Exception):
                wandb.teardown()

    def _once(self, what: str, action: Callable[[Any], T]) -> T:
        try:
            return action(self._client())
        except (LockgateError, BatchRefused):
            raise
        except Exception as error:
            raise translate(what, error) from error

    def _client(self) -> Any:
        with self._lock:
            key = self._read_key()
            if self._api is None or key != self._key:
                isolate_environment()
                self._begun = True
                import wandb

                self._api = wandb.Api(
                    api_key=key, overrides={"base_url": self._base_url}, timeout=max(1, int(self._timeout))
                )
                self._key = key
            return self._api

    def _read_key(self) -> str:
        try:
            key = self._api_key_file.read_text().strip() if self._api_key_file else None
        except (OSError, UnicodeDecodeError) as error:
            why = "it is no text" if isinstance(error, UnicodeDecodeError) else error.strerror
            raise AccessDenied(
                f"the registry's API key cannot be read from {self._api_key_file} "
                f"({why}); check the Secret that the operator mounts"
            ) from error
        key = key or os.environ.get("LOCKGATE_REGISTRY_API_KEY", "").strip()
        if not key:
            raise AccessDenied("there is no API key for the registry; set registry.apiKeySecret in the chart")
        return key
