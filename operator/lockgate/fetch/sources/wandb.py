"""How a version is fetched from W&B: with its client, which is loaded here and nowhere else in a fetch.

What a URI and a claim must look like, and whether a manifest that lies elsewhere is what a claim says,
can be asked without the client. Nothing that it brings is believed: the caller proves every byte.
"""

import contextlib
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from lockgate.addresses import is_loopback, may_keep_files
from lockgate.domain.fetched import FetchProblem, FetchReason
from lockgate.errors import AccessDenied, InternalError, RegistryUntrusted
from lockgate.fetch.digests import Algorithm, new_hash
from lockgate.fetch.manifest import Entry, check_count, check_manifest
from lockgate.fetch.space import FULL, check_space
from lockgate.registries.wandb.environment import isolate_environment
from lockgate.registries.wandb.naming import claim_of, digest_of, place_of
from lockgate.registries.wandb.translate import is_absence, translate

PREFIX: Final = "WANDB_"
URL_VARIABLE: Final = "WANDB_BASE_URL"
KEY_VARIABLE: Final = "WANDB_API_KEY"
_CONNECTS = re.compile(r"Starting new (?P<scheme>HTTPS?) connection \(\d+\): (?P<host>\S+):\d+$")
_MANIFEST_HEADER = b"wandb-artifact-manifest-v1\n"


def check(uri: str, claim: str | None) -> None:
    """Raises ValueError with a sentence when these do not name one version and its bytes."""
    place_of(uri)
    digest_of(claim or "")


def proves(claim: str, entries: Sequence[Entry]) -> bool:
    """Whether nobody can make another manifest, or other bytes, for what is claimed.

    XXH128 finds damage, but whoever may write where they lie could find bytes for any digest of it.
    """
    return (
        all(entry.algorithm is Algorithm.MD5 for entry in entries)
        and claim_of(manifest_digest(entries)) == claim
    )


def download(task: dict[str, Any]) -> list[Entry]:
    """Check the manifest, then bring its files into the staging directory; raises FetchProblem."""
    _prepare(task)
    import wandb

    uri, place = task["uri"], place_of(task["uri"])
    with _meaning(lambda error: _while_finding(uri, error)):
        api = wandb.Api(
            api_key=task["apiKey"],
            overrides={"base_url": task["baseUrl"]},
            timeout=int(task["requestSeconds"]),
        )
        artifact = api.artifact(str(place))
    # Before the manifest, which itself may be too large to be read.
    check_count(artifact.file_count, max_files=task["maxFiles"])
    with _meaning(lambda error: _while_transferring(uri, error)):
        manifest = artifact.manifest
        entries = [_entry(path, raw) for path, raw in sorted(manifest.entries.items())]
        algorithm = _algorithm(manifest.digest_algorithm)
    size = check_manifest(entries, max_bytes=task["maxBytes"], max_files=task["maxFiles"])
    _check_digest(task, entries, algorithm)
    check_space(task["staging"], size)
    with _meaning(lambda error: _while_downloading(uri, error)):
        artifact.download(root=task["staging"], skip_cache=True)
    return entries


def _prepare(task: dict[str, Any]) -> None:
    try:
        isolate_environment(task["caBundle"] and Path(task["caBundle"]))
    except RegistryUntrusted as error:
        raise FetchProblem(FetchReason.UNTRUSTED, error.message) from error
    transfers = logging.getLogger("urllib3.connectionpool")
    transfers.addHandler(_Guard(task["uri"], urlsplit(task["baseUrl"])))
    transfers.setLevel(logging.DEBUG)


class _Guard(logging.Handler):
    """Ends a download from a storage that is not trusted, or that no registry has.

    The registry says where its files are, and the client goes there, wherever that is; where it
    cannot trust it asks again until the deadline. That it does either is told in its log alone.
    """

    def __init__(self, uri: str, registry: SplitResult) -> None:
        super().__init__(logging.DEBUG)
        self._uri = uri
        # What the registry itself is, its storage may be as well.
        self._plain = registry.scheme == "http"
        self._near = is_loopback(registry.hostname or "")

    def emit(self, record: logging.LogRecord) -> None:
        """Raises FetchProblem, through the client's call that logs."""
        said = record.getMessage()
        if "CERTIFICATE_VERIFY_FAILED" in said:
            raise _untrusted(self._uri)
        if found := _CONNECTS.match(said):
            scheme, host = found["scheme"].lower(), found["host"].strip("[]")
            if not may_keep_files(scheme, host, plain=self._plain, near=self._near):
                raise FetchProblem(
                    FetchReason.UNTRUSTED,
                    f"the registry sends for files of {self._uri} to an address without https, or to "
                    "one inside this machine or its cloud; mend the address of its storage",
                )


def _entry(path: str, raw: Any) -> Entry:
    return Entry(
        path=path,
        size=raw.size,
        digest=raw.digest,
        algorithm=_algorithm(raw.digest_algorithm()),
        reference=raw.ref,
    )


def _algorithm(theirs: object) -> Algorithm:
    return Algorithm.XXH128 if "XXH128" in str(theirs) else Algorithm.MD5


def _check_digest(task: dict[str, Any], entries: list[Entry], algorithm: Algorithm) -> None:
    found = claim_of(manifest_digest(entries, algorithm))
    if found != task["claim"]:
        raise FetchProblem(
            FetchReason.DIGEST_MISMATCH,
            f"the manifest of {task['uri']} has digest {found} instead of {task['claim']}",
        )


@contextlib.contextmanager
def _meaning(of: Callable[[Exception], FetchProblem]) -> Iterator[None]:
    try:
        yield
    except FetchProblem:
        raise
    except Exception as error:
        raise of(error) from error


def _while_finding(uri: str, error: Exception) -> FetchProblem:
    if is_absence(error) is not None:
        return FetchProblem(
            FetchReason.NOT_FOUND,
            f"the registry does not have {uri}, or the API key of this namespace may not see it",
        )
    return _otherwise(uri, error)


def _while_downloading(uri: str, error: Exception) -> FetchProblem:
    match error:
        case OSError(errno=number) if number in FULL:
            return FetchProblem(FetchReason.NO_SPACE, "the volume is full; give it more")
        case KeyError():
            return FetchProblem(
                FetchReason.EXTRA_FILE, f"the registry lists files of {uri} that its manifest has not"
            )
    return _while_transferring(uri, error)


def _while_transferring(uri: str, error: Exception) -> FetchProblem:
    match getattr(getattr(error, "response", None), "status_code", None):
        case 401 | 403:
            return _refused(uri)
        case 404 | 410:
            return FetchProblem(
                FetchReason.MISSING_FILE,
                f"files of {uri} are gone from the registry's storage; log the model anew",
            )
    return _otherwise(uri, error)


def _otherwise(uri: str, error: Exception) -> FetchProblem:
    match translate(f"fetch {uri}", error):
        case AccessDenied():
            return _refused(uri)
        case RegistryUntrusted():
            return _untrusted(uri)
        case InternalError() as defect:
            return FetchProblem(FetchReason.INTERNAL_ERROR, defect.message)
        case translated:
            return FetchProblem(FetchReason.REGISTRY_UNAVAILABLE, translated.message)


def _untrusted(uri: str) -> FetchProblem:
    return FetchProblem(
        FetchReason.UNTRUSTED,
        f"nobody trusted here vouches for the registry or the storage of {uri}; "
        "give its authority as the registry's caBundle in the chart, and see that their names are right",
    )


def _refused(uri: str) -> FetchProblem:
    return FetchProblem(
        FetchReason.ACCESS_DENIED,
        f"the registry refuses the API key for {uri}; check the Secret in this namespace "
        "and that its owner may download",
    )


def manifest_digest(entries: Sequence[Entry], algorithm: Algorithm = Algorithm.MD5) -> str:
    """The hex digest of a manifest with these entries."""
    made = new_hash(algorithm)
    made.update(_MANIFEST_HEADER)
    for path, digest in sorted((entry.path, entry.digest) for entry in entries):
        made.update(f"{path}:{digest}\n".encode())
    hexadecimal: str = made.hexdigest()
    return hexadecimal
