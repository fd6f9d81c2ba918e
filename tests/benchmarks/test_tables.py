"""What a benchmark prints can be read without knowing how it was made."""

from tests.benchmarks.scale import Figures, table


def test_sizes_stand_side_by_side_and_the_largest_is_compared_with_the_smallest():
    small = Figures(deployments=20, rest_cpu_per_poll=4.0, move_writes_per=3.0)
    large = Figures(deployments=100, rest_cpu_per_poll=5.0, move_writes_per=3.0, restart_writes=7)
    rows = {line.split("  ")[0]: line.split()[-3:] for line in table([small, large]).splitlines()[1:]}
    assert rows["rest cpu per poll, ms"] == ["4.00", "5.00", "1.25"]
    assert rows["move writes per deployment"] == ["3.00", "3.00", "1.00"]
    assert rows["rest requests"] == ["0.00", "0.00", "1.00"]
    assert rows["restart writes"] == ["0.00", "7.00", "-"]
