"""What the stand-in for a gateway says, one after the other, and with which times."""

from __future__ import annotations

from typing import Any

import pytest

from lockgate_sandbox.gateway_fates import (
    Accepts,
    Fate,
    Refuses,
    RefusesRef,
    Silent,
    StaysBehind,
    TakesBack,
    Verdict,
    conditions,
    verdicts,
)

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z"


def told(verdict: Verdict, second: str = "ResolvedRefs", **more: Any) -> dict[str, tuple[str, str, int]]:
    return {
        condition["type"]: (condition["status"], condition["reason"], condition["observedGeneration"])
        for condition in conditions(verdict, second, EARLY, **more)
    }


@pytest.mark.parametrize(
    ("fate", "said"),
    [
        (Accepts(), [{"Accepted": ("True", "Accepted", 3), "ResolvedRefs": ("True", "ResolvedRefs", 3)}]),
        (Silent(), []),
        (Refuses("No"), [{"Accepted": ("False", "No", 3), "ResolvedRefs": ("True", "ResolvedRefs", 3)}]),
        (RefusesRef("Gone"), [{"Accepted": ("True", "Accepted", 3), "ResolvedRefs": ("False", "Gone", 3)}]),
        (
            StaysBehind(2),
            [{"Accepted": ("True", "Accepted", 1), "ResolvedRefs": ("True", "ResolvedRefs", 1)}],
        ),
        (StaysBehind(3), []),
        (
            TakesBack("Late"),
            [
                {"Accepted": ("True", "Accepted", 3), "ResolvedRefs": ("True", "ResolvedRefs", 3)},
                {"Accepted": ("False", "Late", 3), "ResolvedRefs": ("True", "ResolvedRefs", 3)},
            ],
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_fate_tells_its_own_story_of_a_route(fate: Fate, said: list[dict[str, Any]]) -> None:
    assert [told(verdict) for verdict in verdicts(fate, 3)] == said


def test_a_gateway_that_is_refused_is_not_programmed_either() -> None:
    assert told(Verdict(1, refused=("Invalid", "")), "Programmed")["Programmed"] == ("False", "Invalid", 1)
    assert told(Verdict(1), "Programmed")["Programmed"] == ("True", "Programmed", 1)


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    before = conditions(Verdict(1), "ResolvedRefs", EARLY)
    after = conditions(Verdict(2, unresolved=("Gone", "")), "ResolvedRefs", LATE, before)
    assert [condition["lastTransitionTime"] for condition in after] == [EARLY, LATE]
