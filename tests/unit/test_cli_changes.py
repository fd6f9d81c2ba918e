"""Edits of the spec: what they write, what they refuse, and what is told of the operator's view of them."""

import pytest
from tests.fakes import looks
from tests.fakes.person import Person, a_person

from lockgate.cli.failing import Exit
from lockgate.clock import now

SOON = ("--timeout", "1s")


def spec_of(person: Person) -> looks.Json:
    return person.api.objects["modeldeployments", "growth", "churn"]["spec"]


def looked_at(person: Person, *conditions: looks.Json, phase: str = "RollingOut") -> None:
    """From now on an operator looks at each edit, and says this of it."""

    def patched(obj: looks.Json) -> None:
        generation = obj["metadata"]["generation"]
        told = [one | {"observedGeneration": generation} for one in conditions]
        person.api.status("churn", observedGeneration=generation, phase=phase, conditions=told)

    person.api.patched = patched


ROLLS_ON = looks.condition("Ready", "Unknown", "RollingOut", "rolling out v10 over v12")
PINNED = looks.condition("Resolved", "True", "Pinned", "pinned to v10: so it is")
ASKING = looks.condition("Resolved", "Unknown", "WaitingForRegistry", "the registry was not asked yet")
MISSING = looks.condition("Resolved", "False", "VersionNotFound", "model/churn has no v99")


async def test_a_pin_says_why_and_what_the_operator_makes_of_it():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.serving())
        looked_at(person, ROLLS_ON, PINNED)
        assert await person.types("pin", "churn", "v10", "--reason", "v12 is slow") is Exit.DONE
        assert spec_of(person)["pin"] == {"version": "v10", "reason": "v12 is slow"}
        assert person.said.splitlines() == [
            "churn: pinned to v10",
            "RollingOut: rolling out v10 over v12",
        ]


async def test_a_pin_can_end_by_itself_and_an_earlier_end_is_not_kept():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.serving())
        await person.types("pin", "churn", "v10", "--reason", "x", "--until", "4h", "--no-wait")
        until = spec_of(person)["pin"]["until"]
        assert until.startswith(f"{now():%Y-}")
        await person.types(
            "pin", "churn", "v10", "--reason", "x", "--until", "2031-01-05T18:00:00+02:00", "--no-wait"
        )
        assert spec_of(person)["pin"]["until"] == "2031-01-05T16:00:00Z"
        await person.types("pin", "churn", "v10", "--reason", "x", "--no-wait")
        assert "until" not in spec_of(person)["pin"]
        assert await person.types("pin", "churn", "v10", "--reason", "x", "--until", "soon") is Exit.REFUSED
        assert "write a length such as 4h, or a moment" in person.error


async def test_an_edit_is_waited_for_until_the_registry_was_asked_for_it():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.serving())
        looked_at(person, ROLLS_ON, ASKING)
        real = person.door.watch

        async def watch(*given, **more):
            looked_at(person, MISSING)
            person.api.patched(person.api.objects["modeldeployments", "growth", "churn"])
            async for event in real(*given, **more):
                yield event

        person.door.watch = watch
        assert await person.types("pin", "churn", "v99", "--reason", "x") is Exit.REFUSED
        assert person.said.splitlines()[-1] == "VersionNotFound: model/churn has no v99"


async def test_an_edit_that_nobody_looks_at_stays_and_that_is_told():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.serving())
        assert await person.types("pause", "churn", *SOON) is Exit.UNANSWERED
        assert person.error.startswith("the edit is made, but the operator has not looked at it for 1s")
        assert spec_of(person)["suspend"] is True


async def test_a_dry_run_of_an_edit_writes_nothing():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.serving())
        assert await person.types("pause", "churn", "--dry-run") is Exit.DONE
        assert person.said == "churn: would be paused (dry run)\n"
        assert "suspend" not in spec_of(person)


@pytest.mark.parametrize(
    ("words", "spec", "said"),
    [
        (("pause", "churn"), {"suspend": True}, "churn: paused already\n"),
        (("resume", "churn"), {}, "churn: not paused\n"),
        (("unpin", "churn"), {}, "churn: not pinned; it follows production\n"),
    ],
)
async def test_what_is_so_already_is_said_and_not_written(
    words: tuple[str, ...], spec: looks.Json, said: str
):
    async with a_person() as person:
        person.api.put("modeldeployments", looks.serving(spec=spec))
        assert await person.types(*words) is Exit.DONE
        assert person.said == said
        assert person.api.asked("PATCH", "modeldeployments") == []


async def test_a_resumed_one_and_an_unpinned_one_are_written_as_if_never_held():
    async with a_person() as person:
        held = {"suspend": True, "pin": {"version": "v10", "reason": "x"}}
        person.api.put("modeldeployments", looks.serving(spec=held))
        await person.types("resume", "churn", "--no-wait")
        await person.types("unpin", "churn", "--no-wait")
        assert spec_of(person)["suspend"] is False
        assert "pin" not in spec_of(person)


async def test_an_edit_meets_one_of_somebody_else_and_is_made_in_what_that_left():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.serving())
        real = person.door.patch

        async def patch(*given, **more):
            person.door.patch = real
            obj = person.api.objects["modeldeployments", "growth", "churn"]
            person.api.put("modeldeployments", obj | {"spec": obj["spec"] | {"replicas": 9}})
            return await real(*given, **more)

        person.door.patch = patch
        assert await person.types("pause", "churn", "--no-wait") is Exit.DONE
        assert (spec_of(person)["replicas"], spec_of(person)["suspend"]) == (9, True)


async def test_a_rollback_leads_to_what_served_before_and_says_so_in_the_pin():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.serving())
        looked_at(person, ROLLS_ON, PINNED)
        assert await person.types("rollback", "churn", "--reason", "v12 is slow") is Exit.DONE
        assert spec_of(person)["pin"] == {
            "version": "v10",
            "reason": "rolled back from v12 by jane@example.com: v12 is slow",
        }
        assert "kubectl lockgate unpin churn" in person.said


@pytest.mark.parametrize("named", ["v10", "11aa22bb"])
async def test_a_rollback_takes_a_version_or_a_release_that_served(named: str):
    async with a_person() as person:
        person.api.put("modeldeployments", looks.serving(previous=None))
        assert await person.types("rollback", "churn", named, "--no-wait") is Exit.DONE
        assert spec_of(person)["pin"]["version"] == "v10"


@pytest.mark.parametrize(
    ("named", "status", "why"),
    [
        (("v7",), {}, "the history of churn knows no version v7 that served; it knows v12 and v10"),
        (("0badcafe",), {}, "the history of churn knows no release 0badcafe that served"),
        (("v11",), {}, "v11 never served churn, it was aborted: error rate 4.1 %"),
        (("77c0ffee",), {}, "To roll it out all the same: kubectl lockgate pin churn v11 --reason WHY"),
        (("v12",), {}, "v12 serves already; to keep it there: kubectl lockgate pin churn v12"),
        ((), {"previous": None}, "nothing is known that served before v12; name a version"),
        (
            (),
            {"previous": looks.named("v10") | {"model": "model/old"}},
            "v10 was of model/old (default), and churn now follows model/churn (default)",
        ),
    ],
)
async def test_a_rollback_to_what_never_served_here_is_refused(
    named: tuple[str, ...], status: looks.Json, why: str
):
    async with a_person() as person:
        person.api.put("modeldeployments", looks.serving(**status))
        assert await person.types("rollback", "churn", *named) is Exit.REFUSED
        assert why in person.error
        assert "pin" not in spec_of(person)


async def test_amid_a_rollout_a_rollback_without_a_name_leads_to_abort():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.canary())
        assert await person.types("rollback", "churn") is Exit.REFUSED
        assert "to go back to that: kubectl lockgate abort churn" in person.error
        assert await person.types("rollback", "churn", "v12", "--no-wait") is Exit.DONE
        assert spec_of(person)["pin"]["reason"] == "rolled back from v13 by jane@example.com"
