"""What a model server that speaks the Open Inference Protocol is asked, and where. Pure."""

from __future__ import annotations

import json

from lockgate_sandbox.training import FEATURES, INPUT_NAME, SAMPLE_CUSTOMERS


def inference_path(model: str) -> str:
    """Where a server of the Open Inference Protocol takes requests."""
    return f"/v2/models/{model}/infer"


def question() -> str:
    """The request for the sample customers, as JSON."""
    data = [value for customer in SAMPLE_CUSTOMERS.values() for value in customer]
    asked = {"shape": [len(SAMPLE_CUSTOMERS), len(FEATURES)], "datatype": "FP32", "data": data}
    return json.dumps({"inputs": [{"name": INPUT_NAME, **asked}]})
