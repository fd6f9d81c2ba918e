"""Gates that ask a service, with the real program, a real server behind TLS and the real API server."""

import json
import signal
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.site import Site, message

from lockgate_sandbox.api import ApiError, Json
from lockgate_sandbox.pki import Authority

pytestmark = pytest.mark.integration
TOKEN = "s3cr3t-t0ken"
GATES = {"webhook": [{"name": "fairness"}]}


class Fairness:
    """A service that says what a test lets it say, and keeps what it was asked and by whom."""

    def __init__(self, directory: Path) -> None:
        self.says: tuple[int, Any] = (200, {"allowed": True})
        self.answers = threading.Event()
        self.answers.set()
        self.asked: list[tuple[str, Json]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.asked.append((self.headers["Authorization"], json.loads(body)))
                service.answers.wait()
                status, told = service.says
                raw = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                pass

        authority = Authority.create()
        authority.server("fairness", ["127.0.0.1"]).write(directory, "server")
        (directory / "ca.crt").write_bytes(authority.pair.certificate)
        (directory / "token").write_text(TOKEN)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(directory / "server.crt", directory / "server.key")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.address = f"https://127.0.0.1:{self._server.server_port}/ask"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def versions(self) -> list[str]:
        return [asked["candidate"]["version"] for _, asked in self.asked]

    def close(self) -> None:
        self.answers.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def fairness(site: Site, tmp_path: Path) -> Iterator[Fairness]:
    service = Fairness(tmp_path)
    offered = {
        "fairness": {
            "address": service.address,
            "namespaces": [site.namespace],
            "caFile": str(tmp_path / "ca.crt"),
            "tokenFile": str(tmp_path / "token"),
        },
        "others": {"address": service.address, "namespaces": ["elsewhere"]},
    }
    (tmp_path / "webhooks.yaml").write_text(yaml.safe_dump(offered))
    site.operator.restart(LOCKGATE_WEBHOOKS_FILE=str(tmp_path / "webhooks.yaml"))
    yield service
    service.close()


def test_a_service_is_asked_once_and_its_no_is_known_to_the_next_operator(site: Site, fairness: Fairness):
    site.seed()
    site.deploy(gates=GATES)
    site.wait_serving("v0")
    fairness.says = (200, {"allowed": False, "reason": "it favours\x1b[2J the tall"})
    site.seed()
    found = site.wait_condition("Resolved", "False", "GateRefused")
    told = "gate fairness refuses v1: it favours [2J the tall"
    assert message(found, "Ready") == found["status"]["refused"]["message"] == told
    fairness.says = (200, {"allowed": True})
    site.operator.restart()
    site.wait_quiet()
    assert site.get("modeldeployments")["status"]["stable"]["version"] == "v0"
    assert fairness.versions == ["v0", "v1"]
    (by, asked) = fairness.asked[1]
    assert by == f"Bearer {TOKEN}"
    assert asked["modelDeployment"] == {"namespace": site.namespace, "name": "churn"}
    assert asked["stable"]["version"] == "v0"
    site.client.merge(
        site.path("modeldeployments", "churn"), {"metadata": {"annotations": {"lockgate.dev/retry": "1"}}}
    )
    site.wait_serving("v1")
    assert "refused" not in site.get("modeldeployments")["status"]
    site.wait_quiet()
    assert fairness.versions == ["v0", "v1", "v1"]
    assert TOKEN not in site.operator.log
    assert fairness.address not in site.operator.log


def test_a_service_that_is_in_trouble_holds_the_version_until_it_answers(site: Site, fairness: Fairness):
    site.seed()
    site.deploy(gates=GATES)
    site.wait_serving("v0")
    fairness.says = (500, {"allowed": True})
    site.seed()
    found = site.wait_condition("Resolved", "Unknown", "GateWaiting")
    assert "for there is no answer yet: it answered with status 500" in message(found, "Ready")
    assert found["status"]["stable"]["version"] == "v0"
    fairness.says = (200, {"allowed": True})
    site.wait_serving("v1")


def test_a_service_that_does_not_answer_holds_up_nobody_else(site: Site, fairness: Fairness):
    site.seed()
    site.deploy(gates=GATES)
    site.deploy("freely")
    site.wait_serving("v0")
    site.wait_serving("v0", "freely")
    fairness.answers.clear()
    site.seed()
    site.wait_serving("v1", "freely")
    found = site.wait_condition("Resolved", "Unknown", "GateWaiting")
    assert found["status"]["stable"]["version"] == "v0"
    site.wait_quiet()
    site.operator.kill(signal.SIGTERM)
    site.operator.start()
    site.wait_quiet()
    fairness.answers.set()
    site.wait_serving("v1")


def test_what_names_no_service_of_this_namespace_is_refused_by_its_field(site: Site, fairness: Fairness):
    for gates, says in (
        ([{"name": "fairness"}, {"name": "fairness"}], "Duplicate value"),
        ([{"name": "Fair ness"}], "spec.gates.webhook[0].name"),
        ([{}], "spec.gates.webhook[0].name: Required value"),
        ([{"name": f"a{number}"} for number in range(9)], "must have at most 8 items"),
    ):
        with pytest.raises(ApiError) as refused:
            site.deploy(gates={"webhook": gates})
        assert says in str(refused.value)
    site.seed()
    taken = site.deploy(gates={"webhook": [{"name": "others", "address": "http://169.254.169.254"}]})
    assert taken["spec"]["gates"]["webhook"] == [{"name": "others"}], "no author names an address"
    found = site.wait_condition("Stalled", "True", "InvalidSpec")
    assert message(found, "Ready") == (
        "spec.gates.webhook[0].name is others, a service that the platform does not offer to this namespace; "
        "there is fairness"
    )
    assert fairness.asked == []
