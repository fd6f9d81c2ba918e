"""Rollouts on Amazon ECS, by the same planner: what ECS does, and what it takes back."""

import pytest
from tests.fakes.ecs import EcsRig, canary

from lockgate_sandbox.fake_ecs.tasks import Fate


def version_in(rig: EcsRig, track: str) -> str | None:
    return (rig.status.get(track) or {}).get("version")


async def shifted(rig: EcsRig, weight: int) -> None:
    """Until the candidate has so much, and the step is held."""
    await rig.play_until(lambda: rig.shares.get("candidate") == weight)
    await rig.play()


async def approve(rig: EcsRig) -> None:
    """A person lets the candidate go on from its step."""
    rig.request(f"approve {rig.status['candidate']['release']} by ada #{len(rig.door.asked):08x}")
    await rig.beat()


async def doomed(rig: EcsRig, fate: Fate) -> None:
    """v2 comes, its tasks meet this fate, and all rests again."""
    rig.account.fates["v2"] = fate
    await rig.point(2)
    await rig.play_until(lambda: any(each["version"] == "v2" for each in rig.status.get("history", [])))
    await rig.play()


async def test_a_first_version_gets_all_of_the_traffic_once_ecs_has_ended_its_deployment():
    rig = EcsRig()
    rig.ask_for(canary(10))
    await rig.serve(1)
    assert rig.shares == {"stable": 100}
    assert rig.verdict("Ready") == ("True", "RolledOut")
    assert rig.verdict("Verified") == ("True", "FilesVerified")
    assert rig.there()["deployments"] == [("v1", "SUCCESSFUL")]


async def test_a_canary_is_held_by_a_pause_hook_until_somebody_approves():
    rig = EcsRig()
    rig.ask_for(canary(10))
    await rig.serve(1)
    await rig.point(2)
    await shifted(rig, 10)
    assert rig.shares == {"stable": 90, "candidate": 10}
    assert rig.verdict("Paused") == ("True", "WaitingForApproval")
    assert rig.door.writes.count("ContinueServiceDeployment") == 1, "the second hook waits"
    await approve(rig)
    await rig.play_until(lambda: version_in(rig, "stable") == "v2")
    assert rig.door.writes.count("ContinueServiceDeployment") == 2
    assert rig.there()["deployments"] == [("v1", "SUCCESSFUL"), ("v2", "SUCCESSFUL")]


async def test_no_traffic_is_shifted_before_all_tasks_have_proved_what_they_serve():
    rig = EcsRig()
    rig.ask_for(canary(10))
    await rig.serve(1)
    rig.account.fates["v2"] = Fate.NEVER_STARTS
    await rig.point(2)
    for _ in range(12):
        await rig.beat()
    assert "ContinueServiceDeployment" not in rig.door.writes
    assert rig.shares.get("candidate", 0) == 0


async def test_equal_steps_are_linear_and_each_waits_for_its_own_approval():
    rig = EcsRig()
    rig.ask_for(canary(25, 50, 75))
    await rig.serve(1)
    await rig.point(2)
    for weight in (25, 50, 75):
        await shifted(rig, weight)
        await approve(rig)
    await rig.play_until(lambda: version_in(rig, "stable") == "v2")
    assert rig.service.kept["deploymentConfiguration"]["strategy"] == "LINEAR"


async def test_blue_and_green_stand_side_by_side_until_somebody_approves():
    rig = EcsRig()
    rig.ask_for({"blueGreen": {"pause": {"untilApproved": True}}})
    await rig.serve(1)
    await rig.point(2)
    await rig.play_until(lambda: rig.condition("Paused")["status"] == "True")
    assert rig.there()["revisions"] == [("v1", 2, 100.0), ("v2", 2, 0.0)]
    await approve(rig)
    await rig.play_until(lambda: version_in(rig, "stable") == "v2")


async def test_a_rolling_replacement_needs_no_hook():
    rig = EcsRig()
    rig.ask_for()
    await rig.serve(1)
    await rig.serve(2)
    assert "ContinueServiceDeployment" not in rig.door.writes
    assert rig.there()["revisions"] == [("v2", 2, 100.0)]


@pytest.mark.parametrize("strategy", [canary(10), {"blueGreen": {}}, None])
async def test_an_alarm_takes_the_candidate_back_and_it_is_not_tried_again(strategy):
    rig = EcsRig()
    rig.ask_for(strategy)
    await rig.serve(1)
    await rig.point(2)
    await rig.play_until(lambda: rig.service.under_way is not None)
    await rig.beat()
    rig.account.set_off("errors")
    await rig.play()
    assert rig.there()["deployments"] == [("v1", "SUCCESSFUL"), ("v2", "ROLLBACK_SUCCESSFUL")]
    assert version_in(rig, "stable") == "v1"
    assert rig.verdict("Ready")[0] == "False"
    assert "alarm errors went off" in rig.condition("Ready")["message"]
    assert rig.status["history"][0]["outcome"] == "Aborted"
    assert rig.shares == {"stable": 100}


async def test_an_alarm_after_all_traffic_was_shifted_finds_the_candidate_not_promoted_yet():
    rig = EcsRig(bake_minutes=5)
    rig.ask_for(canary(10, pause=False))
    await rig.serve(1)
    await rig.point(2)
    await rig.play_until(lambda: rig.shares.get("candidate") == 100)
    await rig.beat()
    assert version_in(rig, "stable") == "v1"
    rig.account.set_off("errors")
    await rig.play()
    assert version_in(rig, "stable") == "v1"
    assert rig.there()["revisions"] == [("v1", 2, 100.0)]


async def test_the_circuit_breaker_ends_a_candidate_whose_tasks_crash():
    rig = EcsRig()
    rig.ask_for(canary(10))
    await rig.serve(1)
    await doomed(rig, Fate.CRASHES)
    assert "circuit breaker" in rig.condition("Ready")["message"]
    assert rig.there()["deployments"][1:] == [("v2", "ROLLBACK_SUCCESSFUL")]


async def test_wrong_bytes_never_serve_and_are_told_by_the_exit_code_of_the_fetch():
    rig = EcsRig()
    rig.ask_for(canary(10))
    await rig.serve(1)
    await doomed(rig, Fate.WRONG_BYTES)
    assert rig.there()["revisions"] == [("v1", 2, 100.0)]
    assert len(rig.there()["deployments"]) == 2


async def test_a_retry_is_another_try_of_the_same_release():
    rig = EcsRig()
    rig.ask_for(canary(10, pause=False))
    await rig.serve(1)
    await doomed(rig, Fate.CRASHES)
    del rig.account.fates["v2"]
    rig.request("retry")
    await rig.play_until(lambda: version_in(rig, "stable") == "v2")
    assert [each for each, _ in rig.there()["deployments"]] == ["v1", "v2", "v2"]


async def test_a_retry_that_ecs_takes_back_as_well_is_not_tried_a_third_time():
    rig = EcsRig()
    rig.ask_for(canary(10, pause=False))
    await rig.serve(1)
    await doomed(rig, Fate.CRASHES)
    rig.request("retry")
    await rig.play_until(lambda: len(rig.status["history"]) == 3)
    await rig.play()
    assert rig.there()["deployments"][1:] == [("v2", "ROLLBACK_SUCCESSFUL")] * 2


async def test_a_person_aborts_by_a_request_and_ecs_goes_back():
    rig = EcsRig()
    rig.ask_for(canary(10))
    await rig.serve(1)
    await rig.point(2)
    await shifted(rig, 10)
    rig.request("abort")
    await rig.play()
    assert "StopServiceDeployment" in rig.door.writes
    assert rig.there()["deployments"][1] == ("v2", "ROLLBACK_SUCCESSFUL")
    assert rig.shares == {"stable": 100}


async def test_a_newer_version_takes_the_place_of_a_candidate_after_ecs_has_gone_back():
    rig = EcsRig()
    rig.ask_for(canary(10))
    await rig.serve(1)
    await rig.point(2)
    await shifted(rig, 10)
    await rig.point(3)
    await rig.play_until(lambda: rig.shares.get("candidate") == 10 and version_in(rig, "candidate") == "v3")
    assert [each for each, _ in rig.there()["deployments"]] == ["v1", "v2", "v3"]
    assert rig.there()["deployments"][1] == ("v2", "ROLLBACK_SUCCESSFUL")


async def test_a_hook_that_is_forgotten_for_a_fortnight_goes_back():
    rig = EcsRig()
    rig.ask_for(canary(10))
    await rig.serve(1)
    await rig.point(2)
    await shifted(rig, 10)
    rig.account.advance(15 * 24 * 3600)
    await rig.play()
    assert version_in(rig, "stable") == "v1"
    assert rig.there()["deployments"][1] == ("v2", "ROLLBACK_SUCCESSFUL")


async def test_a_task_has_as_long_to_answer_its_load_balancer_as_a_candidate_has_before_it_is_late():
    rig = EcsRig()
    rig.ask_for(canary(10), progressDeadline="7m")
    await rig.serve(1)
    assert rig.service.kept["healthCheckGracePeriodSeconds"] == 420


async def test_more_replicas_at_rest_begin_no_deployment():
    rig = EcsRig()
    rig.ask_for(canary(10))
    await rig.serve(1)
    rig.ask_for(canary(10), replicas=3)
    await rig.play()
    assert rig.there()["revisions"] == [("v1", 3, 100.0)]
    assert len(rig.there()["deployments"]) == 1


async def test_at_rest_a_pass_reads_thrice_and_writes_nothing():
    rig = EcsRig()
    rig.ask_for(canary(10))
    await rig.serve(1)
    asked = len(rig.door.asked)
    await rig.look()
    assert rig.door.asked[asked:] == [
        "DescribeServices",
        "ListServiceDeployments",
        "DescribeServiceDeployments",
    ]
