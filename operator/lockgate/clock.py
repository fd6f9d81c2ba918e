"""The one clock. Whoever decides takes the time as an argument; only those who begin things read it."""

from datetime import UTC, datetime


def precise_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def now() -> datetime:
    """The time to the second, as Kubernetes writes times in statuses."""
    return precise_now().replace(microsecond=0)
