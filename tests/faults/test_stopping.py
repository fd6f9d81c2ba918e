"""SIGTERM ends the operator within five seconds, in whatever state it is; SIGSTOP does no harm."""

import pytest
from tests.faults.behaviours import Answer, EndStream, Hang, Match
from tests.faults.rig import FaultSite
from tests.faults.rollouts import roll, two_versions
from tests.waiting import PATIENCE_SECONDS

from lockgate_sandbox.pod_fates import NeverReady
from lockgate_sandbox.registry.faults import Fault, FaultKind

pytestmark = [pytest.mark.integration, pytest.mark.signals]

SECONDS = 5.0


def test_sigterm_at_rest(site: FaultSite):
    two_versions(site)
    assert site.operator.ends_within(SECONDS), site.operator.log[-3000:]


def test_sigterm_amid_a_rollout(site: FaultSite):
    two_versions(site)
    site.actor.behaviour = lambda pod: NeverReady()
    site.registry.move_alias("model", "churn", "production", "v1")
    site.wait("v1 is on its way", lambda: site.get("modeldeployments")["status"].get("candidate"))
    assert site.operator.ends_within(SECONDS), site.operator.log[-3000:]


def test_sigterm_while_a_write_is_not_answered(site: FaultSite):
    two_versions(site)
    held = site.api.fault(Match(verb="write"), Hang())
    site.registry.move_alias("model", "churn", "production", "v1")
    assert held.landed.wait(PATIENCE_SECONDS)
    assert site.operator.ends_within(SECONDS), site.operator.log[-3000:]


def test_sigterm_while_the_api_server_is_away(site: FaultSite):
    two_versions(site)
    site.api.close_door()
    site.wait("it is seen to be away", lambda: site.operator.probe("readyz") == 503, within=40)
    assert site.operator.ends_within(SECONDS), site.operator.log[-3000:]


def test_sigterm_while_the_api_server_says_nothing(site: FaultSite):
    two_versions(site)
    hung = site.api.fault(Match(), Hang())
    site.api.fault(Match(verb="watch"), EndStream(410), times=10)
    assert hung.landed.wait(PATIENCE_SECONDS)
    assert site.operator.ends_within(SECONDS), site.operator.log[-3000:]


def test_sigterm_before_the_api_server_has_ever_answered(stopped_site: FaultSite):
    refused = stopped_site.api.fault(Match(), Answer(503))
    stopped_site.operator.start()
    assert refused.landed.wait(PATIENCE_SECONDS)
    assert stopped_site.operator.ends_within(SECONDS)


def test_sigterm_while_the_registry_hangs(site: FaultSite):
    two_versions(site)
    site.registry.faults.add(Fault(kind=FaultKind.HANG))
    site.deploy("second", model={"registry": "model", "collection": "churn", "alias": "other"})
    site.wait("the registry is asked", lambda: any(f["met"] for f in site.registry.faults.show()))
    assert site.operator.ends_within(SECONDS), site.operator.log[-3000:]


def test_sigterm_after_the_watch_was_entered_anew(site: FaultSite):
    two_versions(site)
    ended = site.api.fault(Match(verb="watch"), EndStream(500), times=5)
    assert ended.landed.wait(PATIENCE_SECONDS)
    assert site.operator.ends_within(SECONDS), site.operator.log[-3000:]


@pytest.mark.parametrize("said", ["", "started", "everything was seen"], ids=["nothing", "begun", "seen"])
def test_sigterm_while_it_starts(stopped_site: FaultSite, said: str):
    stopped_site.seed()
    stopped_site.deploy()
    stopped_site.operator.start()
    stopped_site.wait("it has come so far", lambda: said in stopped_site.operator.log)
    assert stopped_site.operator.ends_within(SECONDS), stopped_site.operator.log[-3000:]


def test_sigterm_before_its_first_lists_are_answered(stopped_site: FaultSite):
    held = stopped_site.api.fault(Match(verb="list"), Hang())
    stopped_site.operator.start()
    assert held.landed.wait(PATIENCE_SECONDS)
    assert stopped_site.operator.ends_within(SECONDS), stopped_site.operator.log[-3000:]


def test_sigterm_while_many_passes_wait_and_more_are_queued(site: FaultSite):
    two_versions(site)
    held = site.api.fault(Match(verb="write", resource="deployments"), Hang())
    for number in range(60):
        site.deploy(f"many-{number}", replicas=0)
    site.wait("many wait for an answer", lambda: held.met >= 4)
    assert site.operator.ends_within(SECONDS), site.operator.log[-3000:]


def test_sigterm_while_events_wait_for_an_api_server_that_takes_none(site: FaultSite):
    held = site.api.fault(Match(verb="write", resource="events"), Hang())
    site.seed(2, alias=None)
    site.registry.move_alias("model", "churn", "production", "v0")
    for number in range(10):
        site.deploy(f"many-{number}", replicas=0)
    site.wait_serving("v0", "many-9")
    assert held.landed.wait(PATIENCE_SECONDS)
    assert site.operator.ends_within(SECONDS), site.operator.log[-3000:]


def test_sigterm_while_a_manifest_is_read(site: FaultSite):
    site.seed()
    site.registry.faults.add(Fault(kind=FaultKind.HANG, operation="*anifest*"))
    site.deploy()
    site.wait("the manifest is asked for", lambda: any(f["met"] for f in site.registry.faults.show()))
    assert site.operator.ends_within(SECONDS), site.operator.log[-3000:]


def test_an_operator_that_was_stopped_for_a_while_goes_on_where_the_world_is_now(site: FaultSite):
    two_versions(site)
    site.operator.pause()
    site.client.delete(site.path("services", "churn"))
    site.change(replicas=3)
    site.registry.move_alias("model", "churn", "production", "v1")
    site.operator.resume()
    site.wait_serving("v1")
    site.wait("the service is back", lambda: site.get("services"))
    assert roll(site, "v0")["replicas"] == 3
