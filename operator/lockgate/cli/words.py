"""Small words for people: how long ago, how long, when, and the tone of a word of the status. Pure."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from lockgate.cli.lines import Tone

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
_DURATION: Final = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})s)?")
_TONES: Final = {
    "Serving": Tone.GOOD,
    "Promoted": Tone.GOOD,
    "Accepted": Tone.GOOD,
    "RollingOut": Tone.BUSY,
    "Running": Tone.BUSY,
    "Pending": Tone.BUSY,
    "Superseded": Tone.FAINT,
    "Suspended": Tone.BUSY,
    "Degraded": Tone.BAD,
    "Failed": Tone.BAD,
    "Aborted": Tone.BAD,
    "Refused": Tone.BAD,
}


def tone_of(word: str) -> Tone:
    """The tone of a phase or an outcome; a word of another release has none."""
    return _TONES.get(word, Tone.PLAIN)


def lasting(length: timedelta) -> str:
    """A length as kubectl writes ages: 12s, 4m, 3h20m, 5d."""
    seconds = max(int(length.total_seconds()), 0)
    if seconds < 120:
        return f"{seconds}s"
    if seconds < 600:
        return f"{seconds // 60}m{seconds % 60:02}s"
    if seconds < 10 * 3600:
        minutes = seconds // 60
        return f"{minutes}m" if minutes < 120 else f"{minutes // 60}h{minutes % 60:02}m"
    return f"{seconds // 3600}h" if seconds < 48 * 3600 else f"{seconds // 86_400}d"


def since(moment: datetime | None, now: datetime) -> str:
    """How long ago that was; nothing where it is not known."""
    return "" if moment is None else lasting(now - moment)


def stamp(moment: datetime | None) -> str:
    """A moment in UTC to the minute."""
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def duration(text: str) -> timedelta:
    """A length as people write it: 30s, 5m, 1h30m, 2d; ValueError otherwise."""
    found = _DURATION.fullmatch(text) if text else None
    if found is None:
        raise ValueError(f"{text!r} is no length of time; write one such as 30s, 5m or 1h30m")
    parts = (int(part or 0) for part in found.groups())
    return timedelta(seconds=sum(part * size for part, (_, size) in zip(parts, _UNITS, strict=True)))
