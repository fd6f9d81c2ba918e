"""Which aborted versions are tried again, and by which name they are known to a later release of Lockgate."""

from dataclasses import replace

import pytest
from tests.fakes.builders import deployment, revision
from tests.fakes.facts import release

from lockgate.api.status import Failure, RolloutState
from lockgate.names import Reason
from lockgate.plan.failures import REMEMBERED, failure_of, recipe_of, with_failure, without

V1, V2 = release(1), release(2)


def failed(of, recipe=None):
    known = recipe_of(deployment(), of) if recipe is None else recipe
    return Failure(revision=of, recipe=known, reason=Reason.FETCH_FAILED, message=f"{of.version} is bad")


def asked_again(value):
    return replace(deployment(), retry=value)


@pytest.mark.parametrize(
    ("asked", "revision", "recipe"),
    [
        (deployment(), V1, "ce28fedad74d827e"),
        (asked_again("once more"), V1, "02a3da3c6d8a6456"),
        (deployment(), revision(1), "957d7a11b3c2552a"),
    ],
)
def test_a_recipe_has_the_same_name_in_every_release_of_lockgate(asked, revision, recipe):
    assert recipe_of(asked, revision) == recipe, "what an older one remembers of failures would be forgotten"


def test_the_newest_failure_is_the_first_and_each_is_remembered_once():
    state = RolloutState(failed=(failed(V1), failed(V2)))
    again = replace(failed(V2), message="still bad")
    assert with_failure(state, again) == (again, failed(V1))


def test_failures_are_remembered_but_not_without_end():
    state = RolloutState(failed=tuple(failed(release(number)) for number in range(10, 10 + REMEMBERED)))
    known = with_failure(state, failed(V1))
    assert known == (failed(V1), *state.failed[:-1])
    assert len(known) == REMEMBERED == 10


def test_a_version_that_held_is_forgotten_in_all_its_releases_and_no_other_is():
    state = RolloutState(failed=(failed(V1), failed(V2), failed(replace(V1, release="f" * 8))))
    assert without(state, V1) == (failed(V2),)


@pytest.mark.parametrize(
    ("asked", "remembered", "tried", "is_bad"),
    [
        pytest.param(deployment(), failed(V1), V1, True, id="just so"),
        pytest.param(deployment(), failed(V1), V2, False, id="another version"),
        pytest.param(
            deployment(), failed(V1), replace(V1, release="f" * 8), False, id="another release of it"
        ),
        pytest.param(asked_again("x"), failed(V1), V1, False, id="asked for once more"),
        pytest.param(deployment(), failed(V1, ""), replace(V1, release="f" * 8), True, id="of a time before"),
        pytest.param(deployment(), failed(V1, ""), V2, False, id="of a time before, and another version"),
    ],
)
def test_a_version_is_bad_as_long_as_its_pods_would_be_made_just_so(asked, remembered, tried, is_bad):
    state = RolloutState(failed=(failed(release(9)), remembered))
    assert failure_of(asked, state, tried) == (remembered if is_bad else None)
