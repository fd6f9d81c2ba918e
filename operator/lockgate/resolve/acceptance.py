"""May this version be served by this runtime? Pure checks, each with a sentence on failure.

A format is what the version's metadata says under `format`, else what its file names tell.
"""

from collections.abc import Mapping
from typing import Final

from lockgate.api.spec import ModelRuntime
from lockgate.api.status import Revision
from lockgate.domain.model import Contents, ModelVersion
from lockgate.errors import ArtifactPending, ArtifactRejected, DigestChanged, FormatNotAccepted

FORMATS_BY_SUFFIX: Final[Mapping[str, str]] = {
    ".onnx": "onnx",
    ".safetensors": "safetensors",
    ".gguf": "gguf",
    ".ubj": "xgboost",
    ".pb": "tensorflow",
    ".keras": "keras",
    ".pt": "pytorch",
    ".pth": "pytorch",
    ".bin": "pytorch",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".joblib": "pickle",
}


def check_version(name: str, version: ModelVersion, served: Revision | None) -> None:
    """Checks that need no manifest; `name` says which alias, `served` what serves already."""
    if served is not None and served.reference == version.path and served.digest != version.digest:
        raise DigestChanged(
            f"{name} is {version.version} with digest {version.digest}, but that version was served "
            f"with digest {served.digest}; a version never changes its files, so log a new one"
        )
    if not version.committed:
        raise ArtifactPending(f"{name} is {version.version}, which is still being uploaded")
    if version.file_count == 0:
        raise ArtifactRejected(
            f"{name} is {version.version}, which holds no files; log the model and link it anew"
        )


def check_contents(name: str, version: ModelVersion, contents: Contents, runtime: ModelRuntime) -> None:
    """Checks on the manifest: no references, a format that the runtime accepts."""
    if contents.references:
        raise ArtifactRejected(
            f"{name} is {version.version}, which holds reference files such as {contents.first_reference}; "
            "their bytes are outside the registry and cannot be proved, so log the files themselves"
        )
    formats = formats_of(version, contents)
    if not formats:
        raise FormatNotAccepted(
            f"{name} is {version.version}, whose format cannot be told from its files "
            f"({', '.join(sorted(contents.suffixes)) or 'no suffixes'}); name it in the artifact's "
            "metadata as format"
        )
    refused = formats - set(runtime.accepted_formats)
    if refused:
        raise FormatNotAccepted(
            f"{name} is {version.version} in format {', '.join(sorted(refused))}, but runtime "
            f"{runtime.name} accepts only {', '.join(runtime.accepted_formats)}"
        )


def formats_of(version: ModelVersion, contents: Contents) -> frozenset[str]:
    """The model formats of a version."""
    named = version.metadata.get("format")
    if isinstance(named, str) and named:
        return frozenset({named.lower()})
    return frozenset(FORMATS_BY_SUFFIX[suffix] for suffix in contents.suffixes if suffix in FORMATS_BY_SUFFIX)
