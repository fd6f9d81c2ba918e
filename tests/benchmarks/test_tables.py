"""What a benchmark prints can be read without knowing how it was made."""

from tests.benchmarks import waits
from tests.benchmarks.scale import Figures, table


def test_sizes_stand_side_by_side_and_the_largest_is_compared_with_the_smallest():
    small = Figures(deployments=20, rest_cpu_per_poll=4.0, move_writes_per=3.0)
    large = Figures(deployments=100, rest_cpu_per_poll=5.0, move_writes_per=3.0, restart_writes=7)
    rows = {line.split("  ")[0]: line.split()[-3:] for line in table([small, large]).splitlines()[1:]}
    assert rows["rest cpu per poll, ms"] == ["4.00", "5.00", "1.25"]
    assert rows["move writes per deployment"] == ["3.00", "3.00", "1.00"]
    assert rows["rest requests"] == ["0.00", "0.00", "1.00"]
    assert rows["restart writes"] == ["0.00", "7.00", "-"]


def test_which_requests_were_made_is_told_of_the_largest_size():
    small = Figures(deployments=20, requests={"move": {"patch deployments": 3.0}})
    large = Figures(deployments=100, requests={"move": {"create events": 2.0, "patch deployments": 1.004}})
    last = table([small, large]).splitlines()[-1]
    assert last == "move, requests per deployment: create events 2.00, patch deployments 1.00"


def test_neighbours_are_judged_by_what_they_add_to_the_slowest_edits():
    alone = waits.Waits(answer=[0.1] * 3, deployment=[0.2] * 3, status=[0.3] * 3)
    beside = waits.Waits(answer=[0.1] * 3, deployment=[0.2] * 3, status=[0.3, 0.3, 1.4])
    figures = waits.Figures(alone=alone, beside=beside)
    assert figures.failures == ["neighbours add 1.10 s at p99"]
    rows = {
        line.split("  ")[1]: line.split()[-3:] for line in waits.report(figures).splitlines() if "p99" in line
    }
    assert rows["its status speaks of it, p99"] == ["0.300", "1.400", "1.100"]
    beside.status[-1] = 1.2
    assert figures.failures == []
