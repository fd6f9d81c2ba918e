"""One long-lived `wandb.Api` per registry, and what its failures mean.

The client is a thin shell over a process of its own (wandb-core), one for all registries of a
program. It is started when first needed, so that the operator starts whether a registry is up or
not, and built anew when a key changes or that process dies: a dead one is never healed by the
client itself.
"""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from lockgate.addresses import is_loopback
from lockgate.errors import AccessDenied, LockgateError, RegistryClientFailed
from lockgate.registries.wandb.environment import isolate_environment
from lockgate.registries.wandb.process import telling_death
from lockgate.registries.wandb.translate import translate

T = TypeVar("T")

# The client calls sys.exit when its process ends badly (wandb 0.30 and 0.31, `_WandbSetup._teardown`):
# in a thread of ours that would be an answer that never comes.
_FAILURES = (Exception, SystemExit)


class Untranslated(Exception):
    """What an action raises for its own caller, and no failure of the client."""


class _Shared:
    """The client's one process, and whom it trusts: what every connection of this program shares.

    Its lock is never held while a registry is asked: one that hangs must hold up no other.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        # Which process it is: of many callers that find one dead, only the first may end it.
        self._generation = 0
        self._begun = False
        self._bundles: dict[object, tuple[Path, bytes | None]] = {}

    @property
    def generation(self) -> int:
        """Which process runs, or will be the next one to run."""
        return self._generation

    def trusting(self, owner: object, bundle: Path | None) -> int:
        """The generation that trusts what the owner is to trust as well."""
        given = None if bundle is None else (bundle, _bytes_of(bundle))
        with self._lock:
            if self._bundles.get(owner) != given:
                # It reads the authorities when it starts, and never again.
                self.end()
                self._let_go(owner)
                if given is not None:
                    self._bundles[owner] = given
            return self._generation

    def prepare(self, bundle: Path | None) -> None:
        """Set what the process reads when it starts; raises RegistryUntrusted when the bundle is no good."""
        with self._lock:
            isolate_environment(bundle, beside=[path for path, _ in self._bundles.values()])

    def begun(self) -> None:
        """A client was built: it started the process if there was none, whoever ended it meanwhile."""
        self._begun = True

    def end(self, generation: int | None = None) -> None:
        """End the process, or the one of that generation unless it is gone already."""
        with self._lock:
            if generation not in (None, self._generation):
                return
            self._generation += 1
            begun, self._begun = self._begun, False
            if not begun:
                return
            import wandb

            # A teardown over a dead process raises, or asks the whole program to exit when it was
            # killed meanwhile; what matters is cleared by then.
            with contextlib.suppress(*_FAILURES):
                wandb.teardown()

    def leave(self, owner: object) -> None:
        """The owner goes, with whom it trusted; the process ends, which others build anew."""
        with self._lock:
            self._let_go(owner)
            self.end()

    def _let_go(self, owner: object) -> None:
        self._bundles.pop(owner, None)


def _bytes_of(bundle: Path) -> bytes | None:
    try:
        return bundle.read_bytes()
    except OSError:
        return None  # told when the client is made


_shared = _Shared()


class WandbConnection:
    """Gives out the client; translates everything that it raises."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key_file: Path | None,
        timeout: float,
        ca_bundle: Path | None = None,
        allow_http: bool = False,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.is_near = is_loopback(urlsplit(self.base_url).hostname or "")
        self.is_plain = allow_http or self.is_near
        self._api_key_file = api_key_file
        self._timeout = timeout
        self._ca_bundle = ca_bundle
        self._lock = threading.RLock()
        self._api: Any = None
        self._made_of: tuple[str, int] | None = None

    def call(self, what: str, action: Callable[[Any], T]) -> T:
        """Run `action` on the client, once more on a new one if its process had died.

        Raises a LockgateError; `what` reads like "look up model/churn:production".
        """
        generation = _shared.generation
        try:
            return self._once(what, action)
        except RegistryClientFailed:
            _shared.end(generation)
            return self._once(what, action)

    def forget(self) -> None:
        """Let go of the client alone; the next call builds a new one in the same process."""
        self._made_of = None

    def drop(self) -> None:
        """Let go of the client and end its process; the next call builds a new one."""
        with self._lock:  # not while it is being built, or that would start the process anew
            _shared.leave(self)

    def _once(self, what: str, action: Callable[[Any], T]) -> T:
        try:
            return action(self._client())
        except (LockgateError, Untranslated):
            raise
        except _FAILURES as error:
            raise translate(what, error) from error

    def _client(self) -> Any:
        with self._lock:
            key = self.read_key()
            generation = _shared.trusting(self, self._ca_bundle)
            if self._made_of != (key, generation):
                _shared.prepare(self._ca_bundle)
                self._api = telling_death(self._build)(key)
                self._made_of = (key, generation)
            return self._api

    def _build(self, key: str) -> Any:
        import wandb

        try:
            return wandb.Api(
                api_key=key, overrides={"base_url": self.base_url}, timeout=max(1, int(self._timeout))
            )
        finally:
            _shared.begun()

    def read_key(self) -> str:
        """The API key as it is now; raises AccessDenied."""
        try:
            key = self._api_key_file.read_text().strip() if self._api_key_file else None
        except (OSError, UnicodeDecodeError) as error:
            why = "it is no text" if isinstance(error, UnicodeDecodeError) else error.strerror
            raise AccessDenied(
                f"the registry's API key cannot be read from {self._api_key_file} "
                f"({why}); check the Secret that the operator mounts"
            ) from error
        if self._api_key_file is None:
            # Never in a file's stead: it might be another registry's.
            key = os.environ.get("LOCKGATE_REGISTRY_API_KEY", "").strip()
        if not key:
            raise AccessDenied(
                "there is no API key for the registry; set the registry's apiKeySecret in the chart"
            )
        return key
