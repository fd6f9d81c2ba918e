"""The table of a run: a line a rollout while it goes, and a summary. Pure."""

from collections.abc import Sequence
from statistics import median

from tests.rollouts.play import Result
from tests.rollouts.shares import SIGMAS

COLUMNS = (
    *(("#", 3), ("strategy", 26), ("story", 42), ("ended", 26), ("s", 5), ("requests", 8)),
    *(("failed", 6), ("points off", 13), ("abort", 7)),
)


def head() -> str:
    """The titles of the columns."""
    return _line([title for title, _ in COLUMNS])


def row(result: Result) -> str:
    """One rollout."""
    rollout, worst = result.rollout, result.worst
    return _line(
        [
            str(rollout.number),
            rollout.told_strategy,
            rollout.story,
            result.ended,
            f"{result.seconds:.0f}",
            str(result.requests),
            str(result.failed),
            f"{100 * worst.off:.2f} at {worst.weight} %" if worst else "-",
            "-" if result.abort is None else f"{result.abort:.1f} s",
        ]
    )


def summary(results: Sequence[Result]) -> str:
    """What all of them were, in a few lines."""
    shares = [share for result in results for share in result.shares]
    between = [share for share in shares if share.weight not in (0, 100)]
    fine, whole = [share for share in between if share.is_fine], [s for s in shares if s not in between]
    minutes, writes = sum(r.seconds for r in results) / 60, sum(r.writes for r in results)
    requests, failed = sum(r.requests for r in results), sum(r.failed for r in results)
    off = 100 * max((share.off for share in fine), default=0.0)
    shorter = len(between) - len(fine)
    lines = [
        f"{len(results)} rollouts in {minutes:.0f} minutes: {requests} requests, {failed} failed",
        f"{len(fine)} shares measured to two points ({SIGMAS:g} standard errors), worst off by {off:.2f}",
        f"{shorter} for shorter, within {SIGMAS:g} standard errors; {len(whole)} of all or nothing, exact",
        _aborts("aborts by a route", [r for r in results if r.rollout.keeps_pods]),
        _aborts("aborts for which pods start", [r for r in results if not r.rollout.keeps_pods]),
        f"{writes} writes judged",
    ]
    return "\n".join([*lines, f"{sum(len(result.broken) for result in results)} violations"])


def violations(results: Sequence[Result], seed: int) -> str:
    """What was broken, and how to play that again."""
    return "\n".join(
        f"violated in rollout {result.rollout.number}: {what}\n"
        f"  again: python -m tests.rollouts --seed {seed} --only {result.rollout.number}"
        for result in results
        for what in result.broken
    )


def _aborts(what: str, results: Sequence[Result]) -> str:
    times = [result.abort for result in results if result.abort is not None]
    if not times:
        return f"{what}: none"
    return f"{what}: {len(times)}, median {median(times):.1f} s, greatest {max(times):.1f} s"


def _line(cells: Sequence[str]) -> str:
    widths = [width for _, width in COLUMNS]
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
