"""Small churn classifiers, really trained: logistic regression by gradient descent in numpy.

Version 1 looks at two features; version 2 at all, and at how they act together, and so tells more
customers right; version 3 tells the same as version 2 after a long detour, as if somebody had put
a deep network there that helps nobody. All take the same input, so a client does not notice the
change but for the answers, or for how long they take. The same seed gives the same bytes. Knows
nothing of registries.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Which = Literal["v1", "v2", "v3"]
Floats = NDArray[np.float64]

FEATURES: Final = (
    "tenure_months",
    "monthly_charge",
    "support_calls",
    "late_payments",
    "usage_hours",
    "contract_years",
)
INPUT_NAME: Final = "customers"
OUTPUT_NAME: Final = "churn_probability"
SIGNATURE: Final = {
    "inputs": [{"name": INPUT_NAME, "datatype": "FP32", "shape": [-1, len(FEATURES)]}],
    "outputs": [{"name": OUTPUT_NAME, "datatype": "FP32", "shape": [-1]}],
}
"""What every version takes and yields, as Open Inference v2 says it."""
# Customers for which the two versions clearly disagree about the first two.
SAMPLE_CUSTOMERS: Final[dict[str, tuple[float, ...]]] = {
    "loyal but annoyed": (60.0, 45.0, 9.0, 4.0, 3.0, 0.0),
    "new and happy": (3.0, 85.0, 0.0, 0.0, 55.0, 2.0),
    "average": (24.0, 65.0, 2.0, 1.0, 25.0, 1.0),
}
# What every onnxruntime of the last years loads, whatever the onnx package would choose.
_OPSET: Final = 17
_IR_VERSION: Final = 8
_ALL: Final = (0, 1, 2, 3, 4, 5)
_COLUMNS: Final[dict[Which, tuple[int, ...]]] = {"v1": (0, 1), "v2": _ALL, "v3": _ALL}
# The detour: so many layers of that width, all with the same weights, so that the file stays small.
_WIDTH: Final = 1024
_LAYERS: Final = 160
_PEOPLE: Final = 4000
_STEPS: Final = 400
_LEARNING_RATE: Final = 0.5


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model file and how good it is on customers it has not seen: `accuracy` and `auc`, 0 to 1."""

    path: Path
    version: Which
    accuracy: float
    auc: float

    @property
    def metadata(self) -> dict[str, Any]:
        """What to log with an artifact."""
        known = {"framework": "onnx", "features": list(FEATURES), "signature": SIGNATURE}
        return known | {"accuracy": self.accuracy, "auc": self.auc}


def train(which: Which, directory: Path, seed: int = 7) -> TrainedModel:
    """Train a version and write it as `directory`/model.onnx; takes well below two seconds."""
    customers, churned = _population(np.random.default_rng(seed))
    half = _PEOPLE // 2
    mean, spread = customers[:half].mean(axis=0), customers[:half].std(axis=0)
    columns = _COLUMNS[which]
    terms = _terms(((customers - mean) / spread)[:, columns], which)
    weights, bias = _fit(terms[:half], churned[:half])
    scores = terms[half:] @ weights + bias
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "model.onnx"
    path.write_bytes(_export(which, mean, spread, weights, bias).SerializeToString(deterministic=True))
    return TrainedModel(
        path,
        which,
        accuracy=round(float(((scores > 0) == (churned[half:] > 0)).mean()), 4),
        auc=round(_auc(scores, churned[half:]), 4),
    )


def _population(random: np.random.Generator) -> tuple[Floats, Floats]:
    """Made-up customers, and who of them left: mostly the annoyed, whatever their tenure."""
    customers = np.column_stack(
        (
            random.uniform(0, 72, _PEOPLE),
            random.normal(65, 20, _PEOPLE).clip(10, 150),
            random.poisson(2.0, _PEOPLE),
            random.poisson(1.0, _PEOPLE),
            random.gamma(2.5, 10.0, _PEOPLE),
            random.integers(0, 3, _PEOPLE),
        )
    ).astype(np.float64)
    tenure, charge, calls, late, usage, contract = customers.T
    annoyance = 0.55 * (calls - 2) + 0.6 * (late - 1) + 0.12 * (calls - 2) * (late - 1)
    drive = (
        annoyance - 0.05 * (usage - 25) - 0.7 * (contract - 1) - 0.03 * (tenure - 36) + 0.025 * (charge - 65)
    )
    churned = random.uniform(size=_PEOPLE) < 1 / (1 + np.exp(-drive))
    return customers, churned.astype(np.float64)


def _terms(standard: Floats, which: Which) -> Floats:
    return standard if which == "v1" else np.hstack((standard, standard * standard))


def _fit(terms: Floats, churned: Floats) -> tuple[Floats, float]:
    weights, bias = np.zeros(terms.shape[1]), 0.0
    for _ in range(_STEPS):
        error = 1 / (1 + np.exp(-(terms @ weights + bias))) - churned
        weights -= _LEARNING_RATE * (terms.T @ error) / len(terms)
        bias -= _LEARNING_RATE * float(error.mean())
    return weights, bias


def _auc(scores: Floats, churned: Floats) -> float:
    """How often a customer who left scores above one who stayed."""
    ranks = scores.argsort().argsort() + 1
    left = churned > 0
    count, rest = int(left.sum()), int((~left).sum())
    return float((ranks[left].sum() - count * (count + 1) / 2) / (count * rest))


def _export(which: Which, mean: Floats, spread: Floats, weights: Floats, bias: float) -> onnx.ModelProto:
    """The whole way from raw features to a probability as one graph, standardisation included."""
    columns = _COLUMNS[which]
    constants = {
        "columns": np.array(columns, dtype=np.int64),
        "mean": mean[list(columns)].astype(np.float32),
        "spread": spread[list(columns)].astype(np.float32),
        "weights": weights.astype(np.float32),
        "bias": np.array(bias, dtype=np.float32),
    }
    nodes = [
        helper.make_node("Gather", [INPUT_NAME, "columns"], ["chosen"], axis=1),
        helper.make_node("Sub", ["chosen", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "spread"], ["standard"]),
    ]
    terms = "standard"
    if which != "v1":
        terms = "terms"
        nodes.append(helper.make_node("Mul", ["standard", "standard"], ["squares"]))
        nodes.append(helper.make_node("Concat", ["standard", "squares"], [terms], axis=1))
    if which == "v3":
        constants |= _detour(len(weights))
        nodes += _detour_nodes(terms)
    nodes += [
        helper.make_node("MatMul", [terms, "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["score" if which != "v3" else "direct"]),
        helper.make_node("Sigmoid", ["score"], [OUTPUT_NAME]),
    ]
    if which == "v3":
        nodes.insert(-1, helper.make_node("Add", ["direct", "nothing"], ["score"]))
    graph = helper.make_graph(
        nodes,
        "churn",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, ["customer", len(FEATURES)])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["customer"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = helper.make_opsetid("", _OPSET)
    model = helper.make_model(
        graph, opset_imports=[opset], ir_version=_IR_VERSION, producer_name="lockgate-sandbox"
    )
    onnx.checker.check_model(model)
    return model


def _detour(terms: int) -> dict[str, NDArray[Any]]:
    """Weights of the detour, the last of which let nothing through."""
    random = np.random.default_rng(11)
    return {
        "in": random.normal(0, 0.3, (terms, _WIDTH)).astype(np.float32),
        "deep": random.normal(0, _WIDTH**-0.5, (_WIDTH, _WIDTH)).astype(np.float32),
        "out": np.zeros(_WIDTH, dtype=np.float32),
    }


def _detour_nodes(terms: str) -> list[onnx.NodeProto]:
    nodes = [helper.make_node("MatMul", [terms, "in"], ["layer0"])]
    for number in range(_LAYERS):
        nodes.append(helper.make_node("MatMul", [f"layer{number}", "deep"], [f"sum{number}"]))
        nodes.append(helper.make_node("Tanh", [f"sum{number}"], [f"layer{number + 1}"]))
    return [*nodes, helper.make_node("MatMul", [f"layer{_LAYERS}", "out"], ["nothing"])]
