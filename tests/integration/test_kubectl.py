"""What people type: get, describe, wait."""

import pytest
from tests.integration.site import Site

pytestmark = pytest.mark.integration


def test_get_describe_and_wait_say_what_people_want_to_know(site: Site):
    kubectl = site.world.kubectl
    site.seed(2)
    site.registry.move_alias("model", "churn", "production", "v0")
    site.deploy()
    inside = ("--namespace", site.namespace)
    kubectl("wait", "mdep/churn", "--for=condition=Ready", "--timeout=30s", *inside)
    site.registry.move_alias("model", "churn", "production", "v1")
    kubectl("wait", "mdep/churn", "--for=jsonpath={.status.stable.version}=v1", "--timeout=30s", *inside)
    kubectl("wait", "mdep/churn", "--for=condition=Ready", "--timeout=30s", *inside)
    header, row = kubectl("get", "mdep", *inside).stdout.splitlines()
    assert header.split() == [
        "NAME",
        "ALIAS",
        "DESIRED",
        "SERVING",
        "PHASE",
        "STEP",
        "WEIGHT",
        "READY",
        "AGE",
    ]
    assert row.split()[:5] == ["churn", "production", "v1", "v1", "Serving"]
    assert row.split()[-2] == "True"
    described = kubectl("describe", "mdep", "churn", *inside).stdout
    # That the first one started is told where it takes longer than a few seconds.
    told = (
        *(["v0 is being rolled out (FirstRollout)"] if "(FirstRollout)" in described else []),
        "v0 is rolled out and serves",
        "v1 is being rolled out over v0 (AliasMoved)",
        "v1 is rolled out and serves",
    )
    places = [described.index(line) for line in told]
    assert places == sorted(places), "Events in the order in which things happened"
    explained = kubectl("explain", "mdep.spec.pin", *inside).stdout
    assert "A human fixes the version" in explained


def test_columns_show_a_rollout_while_it_runs(site: Site):
    from lockgate_sandbox.pod_fates import NeverReady

    site.seed()
    site.deploy()
    site.wait_serving("v0")
    site.actor.behaviour = lambda pod: NeverReady()
    site.seed()
    site.wait("the rollout is on", lambda: site.get("modeldeployments")["status"].get("candidate"))
    row = site.world.kubectl("get", "mdep", "--no-headers", "--namespace", site.namespace).stdout.split()
    assert row[:7] == ["churn", "production", "v1", "v0", "RollingOut", "1/1", "Unknown"]
