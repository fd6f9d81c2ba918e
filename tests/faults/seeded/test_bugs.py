"""Every seeded bug can still be put into the code, and the code with it in is still a program."""

import pytest
from tests.faults.seeded.bug import OPERATOR
from tests.faults.seeded.bugs import BUGS


def test_there_are_at_least_ten_under_names_of_their_own():
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 10


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_fits_the_code_as_it_is(bug):
    compile(bug.text(OPERATOR), bug.file, "exec")
