"""How the model server leaves: seen to go first, gone later, and nothing lost between."""

from __future__ import annotations

import json
from pathlib import Path

from tests.modelserver.conftest import StartServer
from tests.modelserver.test_inference import INFER, request

from lockgate_sandbox.training import Which


def test_a_server_told_to_stop_turns_not_ready_but_goes_on_answering(
    models: dict[Which, Path], start: StartServer
) -> None:
    server = start(models["v1"], "--drain-seconds=60").ready()
    connection = server.connect()
    connection.request("GET", "/v2/health/ready")
    response = connection.getresponse()
    response.read()
    assert (response.status, response.will_close) == (200, False)

    server.stop()
    assert server.next_line() == "draining for 60 s"
    assert server.get("/v2/health/ready") == (503, {"ready": False})
    assert server.get("/v2/health/live")[0] == 200
    assert server.post(INFER, request())[0] == 200
    connection.request("POST", INFER, json.dumps(request()))
    response = connection.getresponse()
    response.read()
    assert (response.status, response.will_close) == (200, True)

    server.stop()  # the second signal ends the drain period
    assert server.wait() == (0, "")


def test_a_request_under_way_is_finished_before_the_server_exits(
    models: dict[Which, Path], start: StartServer
) -> None:
    server = start(models["v1"], "--drain-seconds=0").ready()
    body = json.dumps(request()).encode()
    connection = server.connect()
    connection.putrequest("POST", INFER)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:10])
    # Once a later request is answered, the earlier one is known to have begun.
    assert server.get("/v2/health/live")[0] == 200
    server.stop()
    assert server.next_line() == "draining for 0 s"
    connection.send(body[10:])
    response = connection.getresponse()
    answer = json.loads(response.read())
    assert (response.status, answer["model_version"]) == (200, "v1")
    assert server.wait() == (0, "")
