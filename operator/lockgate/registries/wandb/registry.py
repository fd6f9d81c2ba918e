"""The W&B Registry behind the port `Registry`.

Many references of one registry travel in one request, as aliased GraphQL fields: a missing
alias is then a null of its own. The client offers no public call for that, so where the private
one is gone each reference is looked up by itself. However the server or the client's own
process hangs, an answer comes within the time-out.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from lockgate.domain.ports import Lookup
from lockgate.domain.version import Alias, Contents, Reference, Version, VersionFacts
from lockgate.errors import (
    ArtifactPending,
    InternalError,
    LockgateError,
    RegistryClientFailed,
    RegistryNotFound,
    RegistryUnavailable,
)
from lockgate.registries.wandb import manifests
from lockgate.registries.wandb.answers import (
    absent,
    batch_query,
    make_version,
    no_registry,
    read_batch,
)
from lockgate.registries.wandb.asking import (
    EACH,
    Asking,
    BatchImpossible,
    BatchRefused,
    Chunk,
    Memory,
    Outcome,
)
from lockgate.registries.wandb.calls import BoundedCalls
from lockgate.registries.wandb.connection import WandbConnection
from lockgate.registries.wandb.http import Limits, answers_others
from lockgate.registries.wandb.naming import name_of, project_of
from lockgate.registries.wandb.process import kill_client_process, telling_death
from lockgate.registries.wandb.silence import Silence
from lockgate.registries.wandb.translate import http_status, is_absence, is_unfinished

_BATCH_THREADS = 4
_SINGLE_THREADS = 8
_HANGING_LOOK_UPS = 64
_HANGING_INSPECTIONS = 64
_SHARE_OF_HANGING = 0.25
_CLOSE_SECONDS = 1.5
_PROBE_SECONDS = 5.0

T = TypeVar("T")


class WandbRegistry:
    """Resolves references and reads manifests with the official client.

    `timeout` (seconds) bounds every call as a whole.
    """

    def __init__(
        self,
        *,
        base_url: str,
        organization: str | None = None,
        api_key_file: Path | None = None,
        timeout: float = 20.0,
        ca_bundle: Path | None = None,
        allow_http: bool = False,
    ) -> None:
        self._connection = WandbConnection(
            base_url=base_url,
            api_key_file=api_key_file,
            timeout=timeout,
            ca_bundle=ca_bundle,
            allow_http=allow_http,
        )
        self._organization = organization
        self._timeout = timeout
        self._look_ups = BoundedCalls("registry-look-up", _HANGING_LOOK_UPS)
        self._inspections = BoundedCalls("registry-inspect", _HANGING_INSPECTIONS)
        self._memory = Memory()
        self._silence = Silence(self._memory, self._answers_others)
        self._closed = False

    def warm(self) -> None:
        """Load the client and let it find out who we are; raises a LockgateError."""
        self._check_open()
        self._within("start the registry's client", self._look_ups, lambda _: self._greet())

    def look_up(self, references: Sequence[Reference]) -> Mapping[Reference, Lookup]:
        """Resolve references; one request per registry and 50 references. Never raises.

        In about the order given: those that were not reached in time are left out.
        """
        wanted = tuple(dict.fromkeys(references))
        if self._closed:
            return dict.fromkeys(wanted, RegistryClientFailed("the registry's client was closed"))
        until = time.monotonic() + self._timeout
        hanging = [one for one in wanted if not self._memory.most_with(one)]
        main = self._ask([one for one in wanted if one not in hanging], until)
        # Whoever follows what answers does not wait for what has hung by itself before.
        soon = min(until, time.monotonic() + self._timeout * _SHARE_OF_HANGING)
        late = self._ask(hanging, soon)
        answers = main.answers | late.answers
        self._silence.notice(answers.values(), main.hung + late.hung, asked=bool(wanted))
        # When not even the first was begun, every thread that may ask hangs already.
        begun = (main.begun | late.begun) or frozenset(wanted)
        return {
            reference: answers.get(reference) or self._late(str(reference))
            for reference in wanted
            if reference in answers or reference in begun
        }

    def _ask(self, references: Sequence[Reference], until: float) -> Outcome:
        asking = Asking(self, self._memory, until)
        width = _SINGLE_THREADS if self._memory.size() == 1 else _BATCH_THREADS
        self._look_ups.each(asking.chunks(references), asking.work_off, width=width, until=until)
        return asking.outcome()

    def inspect(self, version: Version) -> Contents:
        """Read the manifest of a version, within limits; raises a LockgateError."""
        self._check_open()
        manifests.check_count(version, version.facts.files)
        what = f"read the manifest of {version.uri}"
        return self._within(what, self._inspections, lambda until: self._inspect(version, what, until))

    def close(self) -> None:
        """End the client's process; waits for that no longer than two seconds."""
        self._closed = True
        until = time.monotonic() + min(_CLOSE_SECONDS, self._timeout)
        closing = BoundedCalls("registry-close", 1)
        if not closing.each(["drop"], lambda _: self._connection.drop(), width=1, until=until):
            kill_client_process()

    # --- many references in one request

    def batch(self, chunk: Chunk, until: float) -> dict[Reference, Lookup]:
        """What the registry says of each; raises a LockgateError, BatchRefused or BatchImpossible."""
        return self._call(f"look up {EACH}", lambda api: self._batch(api, chunk, until))

    def _batch(self, api: Any, chunk: Chunk, until: float) -> dict[Reference, Lookup]:
        try:
            execute = api._service_api.execute_graphql
            entity = self._entity(api, chunk[0])
        except AttributeError as error:
            # The installed client has no such call.
            raise BatchImpossible from error
        query, variables = batch_query(entity, chunk)
        try:
            answer = execute(query, variables, timeout=max(0.1, until - time.monotonic()))
        except TypeError as error:
            # It takes other arguments.
            raise BatchImpossible from error
        except Exception as error:
            match http_status(error):
                case 400 | 413 | 422:
                    raise BatchRefused(by_size=True) from error
                # One error anywhere in an answer hides all the rest of it.
                case 0:
                    raise BatchRefused(by_size=False) from error
            raise
        return read_batch(entity, chunk, answer)

    # --- one reference, one request

    def single(self, reference: Reference) -> Lookup:
        """What the registry says of one; never raises."""
        try:
            return self._call(f"look up {reference}", lambda api: self._artifact(api, reference))
        except LockgateError as error:
            return error

    def _artifact(self, api: Any, reference: Reference) -> Lookup:
        try:
            home = self._entity(api, reference)
        except AttributeError:
            # The client finds the registry's home by itself when it is not told.
            home = self._organization or ""
        name = f"{project_of(reference)}/{name_of(reference)}"
        try:
            found = api.artifact(f"{home}/{name}" if home else name)
        except Exception as error:
            if is_unfinished(error):
                return ArtifactPending(f"{reference} is a version that is still being uploaded")
            said = is_absence(error)
            if said is None:
                raise
            return no_registry(reference) if said.startswith("project") else absent(reference)
        return make_version(
            found.entity,
            reference,
            number=found.version,
            digest=found.digest,
            facts=VersionFacts(size=found.size, files=found.file_count),
            state=found.state,
            metadata=found.metadata,
        )

    # --- one version's manifest

    def _inspect(self, version: Version, what: str, until: float) -> Contents:
        def ask(api: Any) -> Any:
            left = max(0.1, until - time.monotonic())
            return api._service_api.execute_graphql(
                manifests.QUERY, manifests.variables(version), timeout=left
            )

        address = manifests.address_of(version, self._call(what, ask))
        if address is None:
            return Contents(files=0, size=0, references=0, suffixes=frozenset())
        return manifests.read_manifest(version, address, self._limits(manifests.MOST_BYTES, until))

    # --- what they share

    def _check_open(self) -> None:
        if self._closed:
            raise RegistryClientFailed("the registry's client was closed")

    def _greet(self) -> None:
        nobody = Reference(registry="any", collection="any", wanted=Alias("any"))
        self._call("start the registry's client", lambda api: self._entity(api, nobody))

    def _within(self, what: str, calls: BoundedCalls, action: Callable[[float], T]) -> T:
        """What the action answers or raises within the time-out; it is told until when."""
        until = time.monotonic() + self._timeout

        def kept_inside(_: str) -> tuple[T] | LockgateError:
            try:
                return (action(until),)
            except LockgateError as error:
                return error
            except Exception as error:
                return InternalError.of(error, f"the attempt to {what}")

        match calls.each([what], kept_inside, width=1, until=until).get(what):
            case None:
                raise self._late(f"the request to {what}")
            case LockgateError() as error:
                raise error
            case (answer,):
                return answer

    def _call(self, what: str, action: Callable[[Any], T]) -> T:
        return self._connection.call(what, telling_death(action))

    def _entity(self, api: Any, reference: Reference) -> str:
        """The organization's own entity, under which registries live; the client remembers it."""
        resolve = api._resolve_org_entity_name
        team = api.settings["entity"] or api.default_entity
        try:
            entity: str = resolve(non_org_entity=team, org_or_entity=self._organization)
        except ValueError as error:
            # The client also remembers that there is none; only a new one asks again.
            self._connection.forget()
            raise RegistryNotFound(
                f"registry {reference.registry} cannot be found: the API key belongs to no single "
                "organization; set the registry's organization in the chart"
            ) from error
        return entity

    def _limits(self, most: int, until: float) -> Limits:
        connection = self._connection
        return Limits(most=most, until=until, plain=connection.is_plain, near=connection.is_near)

    def _late(self, what: str) -> RegistryUnavailable:
        return RegistryUnavailable(
            f"the registry did not answer for {what} within {self._timeout:g} s; it may be down or throttling"
        )

    def _answers_others(self) -> bool:
        limits = self._limits(64 * 1024, time.monotonic() + _PROBE_SECONDS)
        return answers_others(self._connection.base_url, self._connection.read_key(), limits)
