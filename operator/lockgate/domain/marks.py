"""How far a candidate has come, as numbers that only grow while it comes further."""

Marks = tuple[int, ...]


def furthest(before: Marks, now: Marks) -> Marks:
    """The furthest that either came, number by number."""
    if not before or not now:
        return before or now
    return tuple(map(max, before, now))
