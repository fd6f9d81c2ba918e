"""May this version be served by this runtime? Pure checks, each with a sentence on failure.

What a file is, its name tells: a known suffix means a format, a companion's suffix none, and any
other suffix is a format by that name, so that nothing unknown is served unless a runtime lists it.
`format` in the version's metadata adds to what the names tell and takes nothing from it.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from lockgate.api.spec import ModelRuntime
from lockgate.api.status import Revision
from lockgate.domain.version import Alias, Contents, Reference, Version
from lockgate.errors import ArtifactPending, ArtifactRejected, DigestChanged, FormatNotAccepted
from lockgate.sentences import listed

FORMATS_BY_SUFFIX: Final[Mapping[str, str]] = {
    ".onnx": "onnx",
    ".onnx_data": "onnx",
    ".safetensors": "safetensors",
    ".gguf": "gguf",
    ".ubj": "xgboost",
    ".cbm": "catboost",
    ".pb": "tensorflow",
    ".index": "tensorflow",
    ".tflite": "tflite",
    ".keras": "keras",
    ".h5": "keras",
    ".pt": "pytorch",
    ".pth": "pytorch",
    ".bin": "pytorch",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".joblib": "pickle",
}
_TENSORFLOW_SHARD: Final = ".data-"
# What no model server runs: words, tables, settings, pictures and tokenizers beside a model.
COMPANIONS: Final = frozenset(
    {".json", ".jsonl", ".txt", ".md", ".rst", ".html", ".yaml", ".yml", ".toml", ".ini", ".cfg"}
    | {".csv", ".tsv", ".parquet", ".png", ".jpg", ".jpeg", ".svg", ".gif", ".pdf"}
    | {".model", ".tiktoken", ".jinja", ".vocab", ".log", ".lock", ".license"}
)


def check_version(reference: Reference, version: Version, known: Iterable[Revision]) -> Revision:
    """Checks that need no manifest; `known` is whatever was seen before.

    Returns the version as a status can name it, with what led to it.
    """
    number, wanted = version.number, reference.wanted
    try:
        revision = Revision(
            version=number,
            uri=version.uri,
            digest=version.claim,
            size=version.facts.size,
            source=reference.source,
            model=reference.model,
            alias=wanted.name if isinstance(wanted, Alias) else None,
        )
    except ValueError as error:
        raise ArtifactRejected(f"{reference} is a version that cannot be named: {error}") from None
    for seen in known:
        if revision.claims_other_bytes(seen):
            raise DigestChanged(
                f"{reference} is {number} with digest {version.claim}, but that version was seen here "
                f"with digest {seen.digest}; a version never changes its files, so log a new one"
            )
    if not version.ready:
        raise ArtifactPending(f"{reference} is {number}, which is still being uploaded")
    if version.facts.files == 0:
        raise ArtifactRejected(
            f"{reference} is {number}, which holds no files; log the model and link it anew"
        )
    return revision


def check_contents(name: str, version: Version, contents: Contents, runtime: ModelRuntime) -> None:
    """Checks on the manifest: no references, only formats that the runtime accepts."""
    if contents.references:
        raise ArtifactRejected(
            f"{name} is {version.number}, which holds reference files such as "
            f"{listed([contents.first_reference or ''])}; their bytes are outside the registry and cannot "
            "be proved, so log the files themselves"
        )
    accepted, suffixes = set(runtime.accepted_formats), sorted(contents.suffixes)
    unknown = [s for s in suffixes if not _is_known(s) and _format_of(s) not in accepted]
    if unknown:
        raise FormatNotAccepted(
            f"{name} is {version.number}, which holds files ending in {listed(unknown)}: no model format "
            f"that runtime {runtime.name} accepts; leave them out of the artifact, or list "
            f"{listed(_format_of(s) for s in unknown)} in the runtime's acceptedFormats"
        )
    formats = formats_of(version, contents)
    if not formats:
        raise FormatNotAccepted(
            f"{name} is {version.number}, whose format cannot be told from its files "
            f"({listed(suffixes) or 'no suffixes'}); name it in the artifact's metadata as format"
        )
    refused = formats - accepted
    if refused:
        raise FormatNotAccepted(
            f"{name} is {version.number} in format {listed(sorted(refused))}, but runtime "
            f"{runtime.name} accepts only {listed(runtime.accepted_formats, most=10)}"
        )


def formats_of(version: Version, contents: Contents) -> frozenset[str]:
    """The model formats of a version: what file names tell, and what the metadata adds."""
    told = {_format_of(suffix) for suffix in contents.suffixes if suffix not in COMPANIONS}
    named = version.metadata.get("format")
    return frozenset(told | ({named.lower()} if isinstance(named, str) and named else set()))


def _is_known(suffix: str) -> bool:
    return suffix in COMPANIONS or suffix in FORMATS_BY_SUFFIX or suffix.startswith(_TENSORFLOW_SHARD)


def _format_of(suffix: str) -> str:
    if suffix.startswith(_TENSORFLOW_SHARD):
        return "tensorflow"
    return FORMATS_BY_SUFFIX.get(suffix, suffix.removeprefix("."))
