"""Tensors as the protocol's JSON has them, to and from numpy. Strict: nothing is silently converted.

Knows neither models nor HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .errors import RequestError

Array = NDArray[Any]

_MOST_DIMENSIONS: Final = 16

_DTYPES: Final[dict[str, type[np.generic]]] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, datatype and shape of a tensor of a model; -1 stands for any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """As the protocol's model metadata has it."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}

    def require(self, array: Array, datatype: str) -> None:
        """Raise RequestError (400) unless a tensor suits."""
        if datatype != self.datatype:
            raise RequestError(400, f"input {self.name!r} is {datatype}, but the model takes {self.datatype}")
        fits = len(array.shape) == len(self.shape) and all(
            wanted in (-1, given) for wanted, given in zip(self.shape, array.shape, strict=True)
        )
        if not fits:
            raise RequestError(
                400,
                f"input {self.name!r} has shape {list(array.shape)}, but the model takes {list(self.shape)} "
                "(-1 is any size)",
            )


def decode(tensor: Any) -> tuple[str, str, Array]:
    """Name, datatype and content of one entry of `inputs`; RequestError (400) when it is wrong."""
    if not isinstance(tensor, dict) or not isinstance(name := tensor.get("name"), str):
        raise RequestError(400, "every entry of inputs is an object with a name")
    datatype, shape = tensor.get("datatype"), tensor.get("shape")
    if datatype not in _DTYPES:
        raise RequestError(400, f"input {name!r}: datatype is one of {', '.join(_DTYPES)}")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise RequestError(400, f"input {name!r}: shape is a list of whole numbers from 0 up")
    if not isinstance(data := tensor.get("data"), list):
        raise RequestError(400, f"input {name!r}: data is a list; binary tensors are not supported")
    flat = _flatten(name, data)
    if len(flat) != prod(shape):
        raise RequestError(
            400, f"input {name!r} has {len(flat)} values, but shape {shape} holds {prod(shape)}"
        )
    return name, datatype, _array(name, datatype, flat).reshape(shape)


def encode(spec: TensorSpec, array: Array) -> dict[str, Any]:
    """One entry of `outputs`, its data flat and row by row; RequestError (500) for what JSON cannot say."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise RequestError(500, f"output {spec.name!r} is not a finite number for this input")
    return {
        "name": spec.name,
        "datatype": spec.datatype,
        "shape": list(array.shape),
        "data": array.reshape(-1).tolist(),
    }


def _flatten(name: str, data: list[Any]) -> list[Any]:
    flat = data
    for _ in range(_MOST_DIMENSIONS):
        if not any(isinstance(value, list) for value in flat):
            return flat
        flat = [part for value in flat for part in (value if isinstance(value, list) else [value])]
    raise RequestError(400, f"input {name!r} is nested more than {_MOST_DIMENSIONS} deep")


def _array(name: str, datatype: str, flat: list[Any]) -> Array:
    allowed = _allowed(datatype)
    for value in flat:
        if type(value) not in allowed:
            raise RequestError(400, f"input {name!r} is {datatype}, which {value!r:.40} is not")
    try:
        # A number too large for a float becomes infinite, with a warning that says less than we do.
        with np.errstate(over="ignore"):
            array = np.array(flat, dtype=_DTYPES[datatype])
    except OverflowError as error:
        raise RequestError(400, f"input {name!r} has a value too large for {datatype}") from error
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise RequestError(400, f"input {name!r} has a value too large for {datatype}")
    return array


def _allowed(datatype: str) -> tuple[type, ...]:
    match datatype:
        case "BOOL":
            return (bool,)
        case "BYTES":
            return (str,)
        case "FP16" | "FP32" | "FP64":
            return (int, float)
        case _:
            return (int,)
