"""What a pod is doing, in one word, from the statuses that a kubelet reports."""

import pytest
from tests.fakes import looks
from tests.fakes.looks import NOW, ago

from lockgate.cli.branches import Surroundings, see_workload
from lockgate.cli.lines import plain
from lockgate.cli.pods import see_pod
from lockgate.cli.seen import see
from lockgate.cli.tree import tree

WAITING = {"name": "fetch", "restartCount": 0, "state": {"waiting": {"reason": "PodInitializing"}}}
NO_IMAGE = {"name": "fetch", "restartCount": 0, "state": {"waiting": {"reason": "ImagePullBackOff"}}}
SERVER_WAITS = {"name": "server", "restartCount": 0, "state": {"waiting": {"reason": "PodInitializing"}}}
CRASHED = {
    "name": "server",
    "restartCount": 4,
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 139, "message": "loading\nout of memory\n"}},
}
UNPLACED = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes have a GPU",
}


@pytest.mark.parametrize(
    ("pod", "word", "detail"),
    [
        (looks.ready_pod("p", "v12"), "ready", ""),
        (looks.leaving_pod("p", "v12"), "leaving", ""),
        (looks.downloading_pod("p", "v13"), "downloading", ""),
        (looks.loading_pod("p", "v13"), "loading", ""),
        (looks.loading_pod("p", "v13", restarts=1), "loading", "for the 2nd time"),
        (looks.loading_pod("p", "v13", restarts=10), "loading", "for the 11th time"),
        (looks.loading_pod("p", "v13", restarts=22), "loading", "for the 23rd time"),
        (looks.failing_pod("p", "v13"), "failing", "model.onnx has other bytes than its manifest says"),
        (looks.pod("p", "v13"), "starting", ""),
        (looks.pod("p", "v13", conditions=[]), "starting", ""),
        (looks.pod("p", "v13", initContainerStatuses=[WAITING]), "starting", ""),
        (
            looks.pod("p", "v13", initContainerStatuses=[NO_IMAGE]),
            "failing",
            "its fetch waits: ImagePullBackOff",
        ),
        (
            looks.pod("p", "v13", initContainerStatuses=looks.FETCHED, containerStatuses=[SERVER_WAITS]),
            "loading",
            "",
        ),
        (
            looks.pod("p", "v13", initContainerStatuses=looks.FETCHED, containerStatuses=[CRASHED]),
            "failing",
            "out of memory",
        ),
        (looks.pod("p", "v13", conditions=[UNPLACED]), "unplaced", "0/3 nodes have a GPU"),
        (looks.pod("p", "v13", phase="Failed", reason="Evicted"), "ended", "Evicted"),
        (looks.pod("p", "v13", conditions="nonsense"), "unknown", ""),
        (looks.pod("p", "v13", initContainerStatuses=[{"no": "name"}]), "unknown", ""),
    ],
)
def test_a_pod_is_doing_one_thing(pod: looks.Json, word: str, detail: str):
    seen = see_pod(pod)
    assert (seen.state.word, seen.state.detail) == (word, detail)
    assert (seen.deployment, seen.release, seen.workload) == (
        "churn",
        pod["metadata"]["labels"]["lockgate.dev/release"],
        "churn",
    )


def test_a_fetch_that_failed_before_and_runs_again_tells_why():
    failed = looks.failing_pod("p", "v13")
    status = failed["status"]["initContainerStatuses"][0]
    status["state"] = {"running": {"startedAt": ago(seconds=3)}}
    seen = see_pod(failed)
    assert seen.state.word == "downloading"
    assert seen.state.detail == "for the 4th time: model.onnx has other bytes than its manifest says"


def test_a_workload_tells_what_keeps_it_from_its_pods():
    assert see_workload(looks.workload("churn", 4, "exceeded quota")).problem == "exceeded quota"
    assert see_workload(looks.workload("churn", 4)).problem == ""


def test_a_tree_tells_what_it_waits_for_once_whichever_condition_says_so():
    conditions = [
        looks.condition("Ready", "Unknown", "RollingOut", "v13 is rolled out over v12: spec.suspend is true"),
        looks.condition("Progressing", "True", "RollingOut", "step 2 of 4 waits for an approval of 3fa9c1d2"),
        looks.condition("Paused", "True", "Suspended", "spec.suspend is true"),
    ]
    shown = [plain(row) for row in tree(see(looks.canary(conditions=conditions)), Surroundings(), NOW, 100)]
    assert shown[1:4] == [
        "  v13 is rolled out over v12: spec.suspend is true",
        "  step 2 of 4 waits for an approval of 3fa9c1d2",
        "├─ stable     v12  8f14e45f  ██████████████████░░  90 %",
    ]
    assert shown[4] == "│  └─ no pods"


def test_a_weight_that_is_there_is_never_shown_as_nothing_nor_as_all():
    for weight, bar in ((0, "░" * 20), (1, "█" + "░" * 19), (99, "█" * 19 + "░"), (100, "█" * 20)):
        shown = [plain(row) for row in tree(see(looks.canary(weight=weight)), Surroundings(), NOW, 100)]
        (row,) = [row for row in shown if "candidate" in row]
        assert bar in row
        assert row.endswith(f"{weight:>3} %")


def test_a_deployment_that_kserve_made_is_known_by_the_workload_that_it_is_of():
    labels = {"lockgate.dev/model-deployment": "churn", "lockgate.dev/workload": "churn"}
    made = {"metadata": {"name": "churn-predictor", "namespace": "growth", "labels": labels}}
    assert see_workload(made).name == "churn"
    made["metadata"]["labels"] = {"lockgate.dev/model-deployment": "churn"}
    assert see_workload(made).name == "churn-predictor"
