"""What people ask of a rollout on Amazon ECS: to hold it, to hurry it, to go back, to have more or nobody."""

from tests.fakes.builders import version
from tests.fakes.ecs import EcsRig, canary

from lockgate_sandbox.fake_ecs.tasks import Fate


def version_in(rig: EcsRig, track: str) -> str | None:
    return (rig.status.get(track) or {}).get("version")


async def amid(*weights: int, **spec: object) -> EcsRig:
    """A canary of v2 over v1 that is held in its first step."""
    rig = EcsRig()
    rig.ask_for(canary(*weights), **spec)
    await rig.serve(1)
    await rig.point(2)
    await rig.play_until(lambda: rig.shares.get("candidate") == weights[0])
    await rig.play()
    return rig


async def test_suspend_leaves_a_canary_at_its_pause_whatever_comes():
    rig = await amid(10)
    before = rig.there()
    rig.ask_for(canary(10), suspend=True)
    await rig.play()
    assert rig.there() == before
    assert rig.verdict("Ready") == ("False", "Suspended")
    rig.ask_for(canary(10))
    rig.request(f"approve {rig.status['candidate']['release']}")
    await rig.play_until(lambda: version_in(rig, "stable") == "v2")


async def test_promote_goes_past_every_pause_and_each_shift_is_seen_before_the_next():
    rig = await amid(25, 50, 75)
    rig.request("promote")
    await rig.play_until(lambda: version_in(rig, "stable") == "v2")
    assert rig.door.writes.count("ContinueServiceDeployment") == 4


async def test_a_pin_to_the_version_before_is_a_rollout_of_its_own():
    rig = EcsRig()
    rig.ask_for(canary(10, pause=False))
    await rig.serve(1)
    await rig.serve(2)
    rig.registry.point("v1", version(1))
    pin = {"version": "v1", "reason": "v2 is slow"}
    rig.ask_for(canary(10, pause=False), pin=pin)
    await rig.play_until(lambda: version_in(rig, "stable") == "v1")
    assert [each for each, _ in rig.there()["deployments"]] == ["v1", "v2", "v1"]


async def test_what_ecs_took_back_is_not_held_for_there_is_nothing_left_to_look_at():
    rig = await amid(10, onFailure="Freeze")
    rig.account.set_off("errors")
    await rig.play()
    assert version_in(rig, "stable") == "v1"
    assert rig.condition("Stalled") is None or rig.verdict("Stalled")[1] != "Frozen"
    assert rig.there()["deployments"][1] == ("v2", "ROLLBACK_SUCCESSFUL")


async def test_nobody_is_asked_for_and_then_somebody():
    rig = EcsRig()
    rig.ask_for(canary(10), replicas=0)
    await rig.point(1)
    await rig.play()
    assert rig.there()["asked"] == 0
    rig.ask_for(canary(10), replicas=2)
    await rig.play_until(lambda: rig.condition("Verified") and rig.verdict("Verified")[0] == "True")
    await rig.play()
    assert rig.there()["revisions"] == [("v1", 2, 100.0)]


async def test_a_lost_status_amid_a_canary_goes_back_to_no_step_and_shifts_nothing_more():
    rig = await amid(10)
    rig.forget_status()
    rig.restart()
    for _ in range(20):
        await rig.beat()
    assert version_in(rig, "stable") == "v1"
    assert rig.shares.get("candidate", 0) <= 10
    assert rig.verdict("Paused") == ("True", "WaitingForApproval")


async def test_a_candidate_that_never_starts_is_late_and_given_up():
    rig = EcsRig()
    rig.ask_for(canary(10), progressDeadline="2m")
    await rig.serve(1)
    rig.account.fates["v2"] = Fate.NEVER_STARTS
    await rig.point(2)
    await rig.play_until(lambda: any(e["version"] == "v2" for e in rig.status.get("history", [])))
    await rig.play()
    assert rig.there()["deployments"][1] == ("v2", "ROLLBACK_SUCCESSFUL")
    assert rig.there()["revisions"] == [("v1", 2, 100.0)]


async def test_what_is_refused_leaves_alone_what_serves():
    rig = EcsRig()
    rig.ask_for(canary(10))
    await rig.serve(1)
    before = rig.there()
    rig.ask_for(canary(10, 30))
    await rig.point(2)
    for _ in range(6):
        await rig.beat()
    assert rig.there() == before
    assert rig.verdict("Ready")[1] == "InvalidSpec"
    assert "spec.strategy.canary.steps" in rig.condition("Ready")["message"]
