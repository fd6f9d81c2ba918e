"""One ONNX model: what it takes, what it gives, and running it. Knows nothing of HTTP."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from .errors import ModelError, RequestError
from .tensors import Array, TensorSpec, decode, encode

# How onnxruntime calls the datatypes of the protocol.
_DATATYPES: Final = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}
_FATAL_ONLY = 4


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model; safe to use from several threads."""

    name: str
    version: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    session: Any

    @classmethod
    def load(cls, directory: Path, name: str, version: str) -> Self:
        """Load the one *.onnx file in `directory`; ModelError when there is not exactly one good one."""
        path = _only_model_in(directory)
        # Else it reports its use to its maker; it looks at this only once, when it is imported.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = _FATAL_ONLY
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own errors share no base class
            raise ModelError(f"{path} is not an ONNX model that this server can load: {error}") from error
        return cls(name, version, _specs(session.get_inputs()), _specs(session.get_outputs()), session)

    def metadata(self) -> dict[str, Any]:
        """The protocol's model metadata."""
        return {
            "name": self.name,
            "versions": [self.version],
            "platform": "onnxruntime_onnx",
            "inputs": [spec.to_json() for spec in self.inputs],
            "outputs": [spec.to_json() for spec in self.outputs],
        }

    def infer(self, request: Any) -> dict[str, Any]:
        """Answer an inference request (parsed JSON); RequestError (400) when it does not suit."""
        if not isinstance(request, dict) or not isinstance(request.get("inputs"), list):
            raise RequestError(400, "an inference request is an object with a list of inputs")
        feed = self._feed(request["inputs"])
        wanted = self._wanted(request.get("outputs"))
        try:
            results = self.session.run([spec.name for spec in wanted], feed)
        except Exception as error:
            raise RequestError(400, f"the model could not run on this input: {error}") from error
        answer: dict[str, Any] = {
            "model_name": self.name,
            "model_version": self.version,
            "outputs": [encode(spec, result) for spec, result in zip(wanted, results, strict=True)],
        }
        return {"id": request["id"], **answer} if isinstance(request.get("id"), str) else answer

    def _feed(self, tensors: list[Any]) -> dict[str, Array]:
        specs = {spec.name: spec for spec in self.inputs}
        feed: dict[str, Array] = {}
        for name, datatype, array in map(decode, tensors):
            if name not in specs or name in feed:
                problem = "twice" if name in feed else "that the model does not have"
                raise RequestError(400, f"input {name!r} is given {problem}; it takes {', '.join(specs)}")
            specs[name].require(array, datatype)
            feed[name] = array
        if missing := [name for name in specs if name not in feed]:
            raise RequestError(400, f"input {', '.join(missing)} is missing")
        return feed

    def _wanted(self, outputs: Any) -> tuple[TensorSpec, ...]:
        if not outputs:
            return self.outputs
        specs = {spec.name: spec for spec in self.outputs}
        try:
            return tuple(specs[output["name"]] for output in outputs)
        except (TypeError, KeyError) as error:
            raise RequestError(400, f"outputs names tensors out of {', '.join(specs)}") from error


def _only_model_in(directory: Path) -> Path:
    if not directory.is_dir():
        raise ModelError(f"the model directory {directory} does not exist")
    # A mounted ConfigMap or Secret shows one file under several paths.
    found = sorted({path.resolve() for path in directory.rglob("*.onnx") if path.is_file()})
    match found:
        case [path]:
            return path
        case []:
            raise ModelError(f"there is no *.onnx file in {directory}")
        case _:
            names = ", ".join(path.name for path in found)
            raise ModelError(f"{directory} has more than one *.onnx file ({names}); leave the one to serve")


def _specs(nodes: Any) -> tuple[TensorSpec, ...]:
    specs = []
    for node in nodes:
        if node.type not in _DATATYPES:
            raise ModelError(f"tensor {node.name!r} is a {node.type}, which the protocol cannot carry")
        shape = tuple(size if isinstance(size, int) else -1 for size in node.shape)
        specs.append(TensorSpec(node.name, _DATATYPES[node.type], shape))
    return tuple(specs)
