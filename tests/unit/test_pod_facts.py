"""What stands in a pod's way, whichever moment of its trouble one looks at."""

import pytest

from lockgate.backends.deployment.facts import pod_facts
from lockgate.domain.resources import Object

DIED = {"terminated": {"exitCode": 1, "reason": "Error", "message": "loading\nno such model\n"}}
WENT = {"terminated": {"exitCode": 0, "reason": "Completed"}}
RUNS = {"running": {"startedAt": "2026-01-05T09:00:00Z"}}
BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff"}}


def problem(name: str = "server", **status: object) -> str | None:
    container: Object = {"name": name, "restartCount": 0, **status}
    return pod_facts({"metadata": {"name": "p"}, "status": {"containerStatuses": [container]}}).problem


@pytest.mark.parametrize("name", ["server", "kserve-container"])
@pytest.mark.parametrize(
    "status",
    [
        {"state": DIED},
        {"state": BACK_OFF, "lastState": DIED, "restartCount": 2},
        {"state": RUNS, "lastState": DIED, "restartCount": 2},
        {"state": DIED, "lastState": DIED, "restartCount": 3},
    ],
    ids=["just ended", "between two tries", "at a try", "ended again"],
)
def test_a_server_that_ends_again_and_again_is_told_the_same_at_each_moment(name, status):
    assert problem(name, **status) == "the model server keeps exiting with code 1: no such model"


@pytest.mark.parametrize(
    "status",
    [
        {"state": RUNS},
        {"state": RUNS, "lastState": DIED, "restartCount": 1, "ready": True},
        {"state": {"waiting": {"reason": "PodInitializing"}}},
        {"state": WENT},
    ],
    ids=["starting", "ready again", "not begun", "ended well"],
)
def test_one_that_comes_up_or_has_come_up_again_is_in_nobodys_way(status):
    assert problem(**status) is None


def test_what_else_a_server_waits_for_is_named():
    assert problem(state={"waiting": {"reason": "ErrImagePull"}}) == "the model server waits: ErrImagePull"
