"""What the model server answers, and how it says no."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.modelserver.conftest import Server, StartServer

from lockgate_sandbox.training import (
    FEATURES,
    INPUT_NAME,
    OUTPUT_NAME,
    SAMPLE_CUSTOMERS,
    SIGNATURE,
    Which,
)

INFER = "/v2/models/churn/infer"


def request(**changes: object) -> dict[str, Any]:
    customers = list(SAMPLE_CUSTOMERS.values())
    tensor = {
        "name": INPUT_NAME,
        "datatype": "FP32",
        "shape": [len(customers), len(FEATURES)],
        "data": [list(customer) for customer in customers],
    }
    return {"inputs": [{**tensor, **changes}]}


def test_two_versions_give_visibly_different_answers_to_the_same_request(
    models: dict[Which, Path], start: StartServer
) -> None:
    answers = {}
    for which in ("v1", "v2"):
        server = start(models[which], version=which).ready()
        status, answer = server.post(INFER, request())
        assert status == 200
        assert answer["model_version"] == which
        answers[which] = answer["outputs"][0]["data"]
    first, second = (abs(answers["v1"][i] - answers["v2"][i]) for i in (0, 1))
    assert first > 0.4
    assert second > 0.4


def test_flat_data_means_the_same_as_nested_data(server: Server) -> None:
    flat = [value for customer in SAMPLE_CUSTOMERS.values() for value in customer]
    assert server.post(INFER, request(data=flat)) == server.post(INFER, request())


def test_an_answer_repeats_the_id_and_only_the_outputs_asked_for(server: Server) -> None:
    status, answer = server.post(INFER, {"id": "7", "outputs": [{"name": OUTPUT_NAME}], **request()})
    assert status == 200
    assert answer["id"] == "7"
    assert [(o["name"], o["datatype"], o["shape"]) for o in answer["outputs"]] == [(OUTPUT_NAME, "FP32", [3])]


def test_metadata_tells_what_the_model_takes(server: Server) -> None:
    status, metadata = server.get("/v2/models/churn")
    assert status == 200
    assert metadata["versions"] == ["v1"]
    assert metadata["inputs"] == [{"name": INPUT_NAME, "datatype": "FP32", "shape": [-1, 6]}]
    assert {side: metadata[side] for side in ("inputs", "outputs")} == SIGNATURE, "what is logged is true"


@pytest.mark.parametrize(
    "path",
    ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/churn/ready", "/v2/models/churn/versions/v1"],
)
def test_a_server_that_has_its_model_answers_200_at(server: Server, path: str) -> None:
    assert server.get(path)[0] == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b'{"inputs": [{"data": NaN}]}', "NaN is no JSON number"),
        (b"[" * 15_000, "not JSON"),
        ([], "list of inputs"),
        ({"inputs": []}, "customers is missing"),
        ({"inputs": ["customers"]}, "object with a name"),
        ({"inputs": request()["inputs"] * 2}, "twice"),
        (request(name="people"), "does not have"),
        (request(datatype="FP64"), "takes FP32"),
        (request(datatype="COMPLEX"), "datatype is one of"),
        (request(shape=[6, 3]), "shape [6, 3]"),
        (request(shape=[3, -6]), "whole numbers"),
        (request(shape=[3, 5]), "18 values"),
        (request(data="AAAA"), "binary tensors"),
        (request(data=["1"] * 18), "'1' is not"),
        (request(data=[True] * 18), "True is not"),
        (request(data=[1e39] * 18), "too large"),
        (request(data=[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]), "nested"),
        ({**request(), "outputs": [{"name": "nothing"}]}, OUTPUT_NAME),
    ],
)
def test_a_request_that_does_not_suit_is_refused_in_one_sentence(
    server: Server, body: object, words: str
) -> None:
    status, answer = server.post(INFER, body)
    assert status == 400
    assert words in answer["error"]


@pytest.mark.parametrize(
    "path", ["/", "/v2/models/other", "/v2/models/churn/versions/v9", "/v2/models/churn/explain"]
)
def test_what_is_not_there_is_404(server: Server, path: str) -> None:
    assert server.get(path)[0] == 404
    assert server.post(path, request())[0] == 404


def test_a_body_above_the_limit_is_refused_unread(server: Server) -> None:
    status, answer = server.post(INFER, b" " * 20_001)
    assert status == 413
    assert "20000" in answer["error"]


def test_a_body_of_unknown_length_is_refused(server: Server) -> None:
    assert server.post(INFER, b"", {"Transfer-Encoding": "chunked", "Content-Length": ""})[0] == 411


def test_a_client_that_waits_for_leave_to_send_its_body_gets_it(server: Server) -> None:
    body = json.dumps(request()).encode()
    connection = server.connect()
    connection.putrequest("POST", INFER)
    connection.putheader("Content-Length", str(len(body)))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    with connection.sock.makefile("rb") as answer:
        assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert answer.readline() == b"\r\n"
        connection.send(body)
        assert answer.readline() == b"HTTP/1.1 200 OK\r\n"


def test_an_unknown_method_is_refused_in_json(server: Server) -> None:
    assert "error" in server._ask("PUT", INFER, b"", {})[1]


def test_a_refused_request_leaves_its_connection_usable(server: Server) -> None:
    connection = server.connect()
    for expected in (404, 404):
        connection.request("POST", "/v2/models/other/infer", b"{}")
        response = connection.getresponse()
        response.read()
        assert response.status == expected
        assert not response.will_close


def test_metrics_count_answers_by_status_and_their_time(
    models: dict[Which, Path], start: StartServer
) -> None:
    server = start(models["v1"]).ready()
    server.post(INFER, request())
    server.post(INFER, request())
    server.post(INFER, {})
    status, page = server.get("/metrics")
    labels = 'model="churn",version="v1"'
    assert status == 200
    assert f'modelserver_requests_total{{{labels},code="200"}} 2' in page
    assert f'modelserver_requests_total{{{labels},code="400"}} 1' in page
    assert f"modelserver_failures_total{{{labels}}} 0" in page
    buckets = [int(n) for n in re.findall(r"duration_seconds_bucket{.*} (\d+)", page)]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 3


def test_a_directory_without_a_model_is_told_in_one_sentence(tmp_path: Path, start: StartServer) -> None:
    assert start(tmp_path).wait() == (1, f"error: there is no *.onnx file in {tmp_path}\n")
    gone = tmp_path / "gone"
    assert start(gone).wait() == (1, f"error: the model directory {gone} does not exist\n")


def test_a_file_that_is_no_onnx_model_is_told_by_name(tmp_path: Path, start: StartServer) -> None:
    (tmp_path / "model.onnx").write_bytes(b"pickle")
    code, err = start(tmp_path).wait()
    assert code == 1
    assert err.startswith(f"error: {tmp_path}/model.onnx is not an ONNX model")
    assert "Traceback" not in err


def test_two_models_in_one_directory_are_refused(
    models: dict[Which, Path], tmp_path: Path, start: StartServer
) -> None:
    content = (models["v1"] / "model.onnx").read_bytes()
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).write_bytes(content)
    code, err = start(tmp_path).wait()
    assert (code, "a.onnx, b.onnx" in err) == (1, True)


def test_the_runtime_keeps_no_identifier_to_report_its_use_with(
    models: dict[Which, Path], start: StartServer
) -> None:
    server = start(models["v1"], "--drain-seconds=0").ready()
    server.post(INFER, request())
    server.stop()
    assert server.wait() == (0, "")
    assert [path.name for path in server.home.iterdir()] == ["modelserver"]


def test_answers_are_logged_by_the_id_of_their_request_for_whoever_wants_that(
    models: dict[Which, Path], start: StartServer
) -> None:
    server = start(models["v1"], "--log-answers").ready()
    for headers in ({}, {"X-Request-Id": "one"}, {"X-Request-Id": "x" * 999}):
        status, answer = server.post(INFER, request(), headers)
        assert status == 200
    assert server.post(INFER, request(datatype="INT8"), {"X-Request-Id": "bad"})[0] == 400
    server.post(INFER, request(), {"X-Request-Id": "last"})
    told = [json.loads(server.next_line()) for _ in range(3)]
    assert [line["request"] for line in told] == ["one", "x" * 128, "last"]
    assert told[0]["values"] == answer["outputs"][0]["data"]
