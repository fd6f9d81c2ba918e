"""Does a version want another image to serve it than its runtime has? By the pin in its own metadata.

Whoever trained it may have written down with what: `runtime.image`, an image by digest, is what can be held
to without a tool in the cluster. The keys below `runtime.nix` name the closure that the image was built
from; they are for people and their own checks (`nix path-info`), and nothing here reads them.
"""

import re
from typing import Any, Final

from lockgate.api.gates import GateRule
from lockgate.api.spec import ModelRuntime
from lockgate.domain.version import Version
from lockgate.errors import RuntimeMismatch
from lockgate.sentences import sentence

KEY: Final = "runtime.image"
_SHOWN: Final = 120
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}$")


def check_runtime(rule: GateRule, candidate: Version, runtime: ModelRuntime) -> str | None:
    """What is to be told of a version that may begin all the same; raises RuntimeMismatch for another."""
    if rule is GateRule.IGNORE:
        return None
    pinned = _pin_of(candidate.metadata)
    told = None if pinned is None else _against(pinned, candidate, runtime)
    if told is None or rule is GateRule.WARN:
        return told and f"gate runtime: {told}"
    raise RuntimeMismatch(f"gate runtime refuses {candidate.number}: {told}")


def _pin_of(metadata: dict[str, Any]) -> object:
    """What is written there, flat or nested; None where nothing is."""
    if KEY in metadata:
        return metadata[KEY]
    nested = metadata.get("runtime")
    return nested.get("image") if isinstance(nested, dict) else None


def _against(pinned: object, candidate: Version, runtime: ModelRuntime) -> str | None:
    wanted = _DIGEST.search(pinned) if isinstance(pinned, str) else None
    if wanted is None:
        return (
            f"its metadata pins {KEY} to {sentence(str(pinned), _SHOWN)}, which names no digest; write "
            "REPOSITORY@sha256:..."
        )
    present = _DIGEST.search(runtime.image)
    if present is not None and present[0] == wanted[0]:
        return None
    has = "no digest" if present is None else present[0]
    return (
        f"{candidate.number} was made for {wanted[0]} ({KEY}) and runtime {runtime.name} has {has}; offer a "
        "runtime with that image, or register the version anew"
    )
