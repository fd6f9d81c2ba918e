"""May one model take another's place, by the inputs and outputs that their metadata declare?

Reads the `signature` of a version's metadata (tensors as Open Inference v2 names them) and tells the
first difference that a client of the old model would meet. It decides nothing of a rollout, asks
nobody, and bounds what it reads: whoever logs a model writes this.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lockgate.sentences import is_name, sentence

MOST_TENSORS: Final = 256
"""Of inputs, and of outputs."""
LONGEST_TEXT: Final = 32 * 1024
"""Characters of a signature as it is kept with a version, of which there are many."""
MOST_DIMENSIONS: Final = 16
_LONGEST_NAME: Final = 128
_LONGEST_DTYPE: Final = 32
_WILD: Final = -1
_MOST_ELEMENTS: Final = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """One input or output; -1 in `shape` is any number. Only an input may be left out."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a model takes and what it yields."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def kept_signature(metadata: object) -> str | None:
    """What a version's metadata declares, as one text, equal for equal declarations; None where it does not.

    Nothing is judged here: of what is too large to be read enough is kept to tell that.
    """
    declared = metadata.get("signature") if isinstance(metadata, Mapping) else None
    if declared is None:
        return None
    try:
        text = json.dumps(declared, separators=(",", ":"), sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        return ""
    return text[: LONGEST_TEXT + 1]


def signature_of(kept: str | None) -> Signature:
    """The signature that was kept with a version; ValueError with a sentence where there is none to read."""
    if kept is None:
        raise ValueError("its metadata declares no signature")
    if len(kept) > LONGEST_TEXT:
        raise ValueError(f"its signature has more than {LONGEST_TEXT // 1024} KiB, and no more is read")
    try:
        declared = json.loads(kept)
    except (ValueError, RecursionError):
        raise ValueError("its signature is nested too deeply, or holds what is no JSON") from None
    return read_signature(declared)


def read_signature(declared: object) -> Signature:
    """The signature as metadata declares it; ValueError with a sentence where it cannot be read."""
    if not isinstance(declared, Mapping):
        raise ValueError("signature must be an object with inputs and outputs")
    return Signature(inputs=_tensors(declared, "inputs"), outputs=_tensors(declared, "outputs"))


def first_difference(stable: Signature, candidate: Signature) -> str | None:
    """What a client of stable would meet first at the candidate; None where it would notice nothing."""
    taken = {tensor.name: tensor for tensor in candidate.inputs}
    known = {tensor.name for tensor in stable.inputs}
    for tensor in stable.inputs:
        if told := _unlike(tensor, taken.get(tensor.name), "input", "takes"):
            return told
    for tensor in candidate.inputs:
        if tensor.required and tensor.name not in known:
            return f"input {tensor.name} is required by the candidate and unknown to stable"
    yielded = {tensor.name: tensor for tensor in candidate.outputs}
    for tensor in stable.outputs:
        if told := _unlike(tensor, yielded.get(tensor.name), "output", "yields"):
            return told
    return None


def _unlike(old: Tensor, new: Tensor | None, kind: str, verb: str) -> str | None:
    if new is None:
        return f"{kind} {old.name} of stable is missing in the candidate"
    if old.dtype != new.dtype:
        return f"{kind} {old.name} is {old.dtype} in stable and {new.dtype} in the candidate"
    if len(old.shape) != len(new.shape):
        return (
            f"{kind} {old.name} has {len(old.shape)} dimensions in stable and "
            f"{len(new.shape)} in the candidate"
        )
    # Who takes may be wider than was promised, who yields only narrower.
    wide, narrow = (new.shape, old.shape) if kind == "input" else (old.shape, new.shape)
    if any(w not in (_WILD, n) for w, n in zip(wide, narrow, strict=True)):
        return f"{kind} {old.name} is {_shape(old)} in stable, and the candidate {verb} {_shape(new)}"
    if kind == "input" and new.required and not old.required:
        return f"input {old.name} may be left out in stable and is required by the candidate"
    return None


def _shape(tensor: Tensor) -> str:
    return f"[{', '.join(str(number) for number in tensor.shape)}]"


def _tensors(declared: Mapping[str, Any], side: str) -> tuple[Tensor, ...]:
    listed = declared.get(side)
    if not isinstance(listed, list):
        raise ValueError(f"signature.{side} must be a list of tensors")
    if len(listed) > MOST_TENSORS:
        raise ValueError(f"signature.{side} has {len(listed)} tensors; at most {MOST_TENSORS} are read")
    tensors = tuple(_tensor(item, f"signature.{side}[{index}]") for index, item in enumerate(listed))
    names: set[str] = set()
    for tensor in tensors:
        if tensor.name in names:
            raise ValueError(f"signature.{side} names {tensor.name} twice")
        names.add(tensor.name)
    return tensors


def _tensor(item: object, where: str) -> Tensor:
    if not isinstance(item, Mapping):
        raise ValueError(f"{where} must be an object with name, datatype and shape")
    name, shape, required = item.get("name"), item.get("shape"), item.get("required", True)
    dtype = item.get("datatype", item.get("dtype"))
    if not isinstance(name, str) or not is_name(name, _LONGEST_NAME):
        raise ValueError(f"{where}.name must be a printable text of at most {_LONGEST_NAME} characters")
    if not isinstance(dtype, str) or not is_name(dtype, _LONGEST_DTYPE):
        raise ValueError(f"{where}.datatype must be a printable text of at most {_LONGEST_DTYPE} characters")
    if not isinstance(shape, list) or len(shape) > MOST_DIMENSIONS or not all(map(_is_dimension, shape)):
        raise ValueError(
            f"{where}.shape must be at most {MOST_DIMENSIONS} whole numbers, each 0 or more, or -1 for any"
        )
    if not isinstance(required, bool):
        raise ValueError(f"{where}.required must be true or false, not {sentence(required, 40)}")
    return Tensor(name=name, dtype=dtype.upper(), shape=tuple(shape), required=required)


def _is_dimension(number: object) -> bool:
    return type(number) is int and _WILD <= number <= _MOST_ELEMENTS
