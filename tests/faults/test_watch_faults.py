"""Whatever an API server does to a watch: what changed meanwhile is seen and acted on soon after.

The sweep interval is that of production, ten minutes: what these tests see, the watch has told.
"""

import pytest
from tests.faults.behaviours import (
    Answer,
    Behaviour,
    CutStream,
    Drop,
    EndStream,
    Hang,
    Match,
    Mute,
    SayInStream,
    Stale,
    Swap,
    empty,
    html,
)
from tests.faults.rig import FaultSite
from tests.faults.rollouts import few_of
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

RETURN_SECONDS = 15.0
# A connection that is open and dead says nothing at its end either; nobody can know at once.
SILENCE_SECONDS = 90.0
# What a server that lags behind the others says to an operator that has just begun.
LAGGING_LISTS = 8
WATCHES = Match(verb="watch")
READS = Match(verb="[lw]*")  # lists and watches, of every kind


def serving(site: FaultSite) -> None:
    site.seed(2, alias=None)
    site.registry.move_alias("model", "churn", "production", "v0")
    site.deploy()
    site.wait_serving("v0")
    site.wait_quiet()


def change_everything(site: FaultSite) -> None:
    """What an operator that sees nothing of it must do afterwards."""
    site.client.delete(site.path("services", "churn"))
    site.client.merge(site.path("deployments", "churn"), {"spec": {"replicas": 5}})
    site.change(replicas=3)
    site.deploy("second")


def everything_is_put_right(site: FaultSite, within: float = RETURN_SECONDS) -> None:
    site.wait("the service is back", lambda: site.get("services"), within=within)
    site.wait(
        "the size is what was asked for",
        lambda: site.get("deployments")["spec"]["replicas"] == 3,
        within=within,
    )
    site.wait_serving("v0", "second", within=within)
    # Seen as well as written: pods of a new version become ready, and only the watch tells that.
    site.registry.move_alias("model", "churn", "production", "v1")
    site.wait_serving("v1", within=within)


@pytest.mark.parametrize(
    "behaviour",
    few_of(
        [
            pytest.param(EndStream(410), id="ends with ERROR 410"),
            pytest.param(EndStream(429), id="ends with ERROR 429"),
            pytest.param(EndStream(500), id="ends with ERROR 500"),
            pytest.param(CutStream(), id="is cut"),
            pytest.param(CutStream(in_mid_line=True), id="is cut in mid line"),
            pytest.param(SayInStream(b"<html>please log in</html>"), id="says HTML"),
            pytest.param(SayInStream(b'{"type":'), id="says half an event"),
            pytest.param(
                SayInStream(b'{"type":"MODIFIED","object":{}}'), id="tells of an object without a name"
            ),
        ],
        0,
        2,
        4,
        5,
    ),
)
def test_a_watch_that_ends_badly_is_taken_up_again(site: FaultSite, behaviour: Behaviour):
    serving(site)
    fault = site.api.fault(WATCHES, behaviour, times=10)
    assert fault.landed.wait(10), "no watch met the fault"
    change_everything(site)
    site.api.clear()
    everything_is_put_right(site)


@pytest.mark.parametrize(
    "answer",
    few_of(
        [Answer(code) for code in (401, 403, 404, 410, 422, 429, 500, 502, 503, 504)] + [html(), empty()],
        1,
        3,
        5,
        8,
        10,
    ),
    ids=lambda answer: f"{answer.status} {(answer.body or b'Status')[:6]!r}",
)
def test_a_watch_and_a_list_that_are_refused_are_asked_for_again(site: FaultSite, answer: Answer):
    serving(site)
    fault = site.api.fault(READS, answer)
    site.api.fault(WATCHES, CutStream(), times=10)
    assert fault.landed.wait(20), "nothing met the fault"
    change_everything(site)
    wait_until("it was refused several times", lambda: fault.met >= 3, 30)
    site.api.clear()
    everything_is_put_right(site)


def test_an_api_server_that_refused_everything_for_twenty_seconds_is_watched_again(site: FaultSite):
    serving(site)
    site.api.close_door()
    change_everything(site)
    site.wait(
        "the operator says that it sees nothing", lambda: site.operator.probe("readyz") == 503, within=40
    )
    assert site.operator.probe("healthz") == 200, "a restart could not help"
    site.api.open_door()
    everything_is_put_right(site)
    site.wait(
        "the operator is ready again", lambda: site.operator.probe("readyz") == 200, within=RETURN_SECONDS
    )


def test_an_api_server_that_swallowed_everything_for_twenty_seconds_is_watched_again(site: FaultSite):
    serving(site)
    hung = site.api.fault(Match(), Hang())
    site.api.fault(WATCHES, CutStream(), times=10)
    assert hung.landed.wait(10)
    change_everything(site)
    site.wait(
        "the operator says that it sees nothing", lambda: site.operator.probe("readyz") == 503, within=60
    )
    site.api.clear()
    everything_is_put_right(site)


def test_a_watch_that_is_open_and_silent_is_noticed(site: FaultSite):
    serving(site)
    mute = site.api.fault(WATCHES, Mute())
    change_everything(site)
    assert mute.landed.wait(20)
    site.api.clear()
    everything_is_put_right(site, within=SILENCE_SECONDS)


def test_a_watch_without_bookmarks_tells_as_much(site: FaultSite):
    site.api.fault(WATCHES, Drop(types=frozenset({"BOOKMARK"})))
    serving(site)
    change_everything(site)
    everything_is_put_right(site)


def test_events_out_of_their_order_lead_to_the_same_end(site: FaultSite):
    swapped = site.api.fault(WATCHES, Swap())
    site.api.fault(WATCHES, CutStream(), times=10)
    serving(site)
    change_everything(site)
    assert swapped.met
    site.api.clear()
    everything_is_put_right(site)


@pytest.mark.parametrize("every", few_of([2, 3], 0))
def test_events_that_were_lost_are_made_up_for_by_the_next_list(site: FaultSite, every: int):
    serving(site)
    site.api.fault(WATCHES, Drop(every=every))
    change_everything(site)
    site.api.clear()
    # What a watch lost without knowing, only a list can tell: here the watch is renewed.
    site.api.fault(WATCHES, EndStream(410), times=10)
    everything_is_put_right(site)


def test_a_lagging_list_after_a_restart_brings_nothing_back(site: FaultSite):
    serving(site)
    site.operator.restart()
    site.wait("the operator is ready", lambda: site.operator.probe("readyz") == 200)
    site.registry.move_alias("model", "churn", "production", "v1")
    site.wait_serving("v1")
    site.wait_quiet()
    before = site.get("deployments")["metadata"]["generation"]
    lagging = site.api.fault(Match(verb="list"), Stale(back=1), times=LAGGING_LISTS)
    site.operator.restart()
    assert lagging.landed.wait(20)
    site.wait("the operator is ready", lambda: site.operator.probe("readyz") == 200)
    site.wait_quiet(within=RETURN_SECONDS)
    site.api.clear()
    assert site.get("deployments")["metadata"]["generation"] == before, "v0 was put back meanwhile"
    assert site.get("modeldeployments")["status"]["stable"]["version"] == "v1"
    site.change(replicas=3)
    site.wait("it goes on", lambda: site.get("deployments")["spec"]["replicas"] == 3)


def test_an_api_server_whose_versions_went_back_is_believed(stopped_site: FaultSite):
    site = stopped_site
    site.api.shift_versions(1_000_000)
    site.operator.start()
    serving(site)
    site.api.shift_versions(0)
    change_everything(site)
    everything_is_put_right(site, within=2 * RETURN_SECONDS)
