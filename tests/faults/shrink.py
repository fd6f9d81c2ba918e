"""Makes a story that breaks an invariant as short as a bounded number of replays allows.

Halves, then quarters, then single actions are left out as long as the same invariant still
breaks (delta debugging); a story that breaks only now and then stays as long as it is.
"""

import time
from collections.abc import Callable, Sequence

from tests.faults.story import Action, Round

Fails = Callable[[list[Round]], bool]


def shrink(rounds: Sequence[Round], fails: Fails, *, replays: int, seconds: float) -> list[Round]:
    """The shortest story found; `fails` plays one and tells whether it still breaks."""
    # The last round is where it broke: often it alone is enough, else all actions count.
    actions = [(number, action) for number, one in enumerate(rounds) for action in one]
    deadline = time.monotonic() + seconds
    left = replays
    for last in (1, 3):
        tail = [item for item in actions if item[0] >= len(rounds) - last]
        if left > 0 and len(tail) < len(actions):
            left -= 1
            if fails(grouped(tail)):
                actions = tail
                break
    parts = 2
    while len(actions) > 1 and left > 0 and time.monotonic() < deadline:
        size = max(1, len(actions) // parts)
        for start in range(0, len(actions), size):
            shorter = actions[:start] + actions[start + size :]
            if not shorter or left <= 0 or time.monotonic() > deadline:
                break
            left -= 1
            if fails(grouped(shorter)):
                actions, parts = shorter, max(2, parts - 1)
                break
        else:
            if size == 1:
                break
            parts = min(len(actions), parts * 2)
    return grouped(actions)


def grouped(actions: Sequence[tuple[int, Action]]) -> list[Round]:
    """Actions with the number of their round, as rounds; rounds that have become empty are gone."""
    numbers = sorted({number for number, _ in actions})
    return [tuple(action for number, action in actions if number == wanted) for wanted in numbers]
