"""The API server dies and comes back: nothing is lost, nobody needs to act."""

import http.client
import json
import os
import signal

import pytest
from tests.integration.site import Site

from lockgate_sandbox.api import ApiError

pytestmark = pytest.mark.integration


def kill_api_server(site: Site) -> None:
    """SIGKILL; the world starts it again after a moment."""
    components = json.loads((site.world.directory / "components.json").read_text())
    (pid,) = (component["pid"] for component in components if component["name"] == "kube-apiserver")
    os.kill(pid, signal.SIGKILL)
    site.client.close()


def answers(site: Site) -> bool:
    try:
        return bool(site.get("modeldeployments"))
    except (OSError, ApiError, http.client.HTTPException):
        return False


def test_the_api_server_is_killed_and_the_operator_goes_on_by_itself(site: Site):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    kill_api_server(site)
    site.wait("the API server is back", lambda: answers(site))
    site.seed()
    site.wait_serving("v1", within=90)


def test_what_vanished_while_the_watch_was_cut_is_noticed(site: Site):
    site.seed()
    site.deploy()
    site.deploy("second")
    site.wait_serving("v0")
    site.wait_serving("v0", "second")
    kill_api_server(site)
    site.wait("the API server is back", lambda: answers(site))
    site.client.delete(site.path("services", "second"))
    site.wait("the service is back", lambda: site.get("services", "second"), within=90)
