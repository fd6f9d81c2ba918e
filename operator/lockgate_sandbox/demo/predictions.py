"""Asks a served model for predictions over the Open Inference Protocol and shows them."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from lockgate_sandbox.demo.screen import Screen, Table
from lockgate_sandbox.training import FEATURES, INPUT_NAME, SAMPLE_CUSTOMERS


def request_body() -> str:
    """The request for the sample customers, as JSON."""
    rows = list(SAMPLE_CUSTOMERS.values())
    data = [value for row in rows for value in row]
    tensor = {"name": INPUT_NAME, "shape": [len(rows), len(FEATURES)], "datatype": "FP32", "data": data}
    return json.dumps({"inputs": [tensor]})


def predict(base_url: str, model: str) -> dict[str, Any]:
    """One real request; raises OSError."""
    request = urllib.request.Request(  # noqa: S310 - an address of our own making
        f"{base_url}/v2/models/{model}/infer",
        request_body().encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        answer: dict[str, Any] = json.load(response)
        return answer


def show_predictions(screen: Screen, base_url: str, model: str) -> str:
    """Print what the model answers for the sample customers; returns the version that answered."""
    answer = predict(base_url, model)
    version = str(answer["model_version"])
    scores = answer["outputs"][0]["data"]
    table = Table(screen, (("customer", 18), ("probability of churn", 22), ("answered by", 12)))
    for name, score in zip(SAMPLE_CUSTOMERS, scores, strict=True):
        bar = "█" * round(score * 14)
        table.row(name, f"{score:6.1%} {bar}", version)
    return version
