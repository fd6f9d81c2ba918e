"""Values that JSON can carry and nobody expects, and schemas' values with one of them put in."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]
odd_texts = st.text(st.characters(), max_size=40) | st.sampled_from(
    [
        "x" * 3000,
        "\ud800",
        "\x1b]0;owned\x07",
        "\u202e",
        "9999-12-31T23:59:59-10:00",
        "0001-01-01T00:00:00+14:00",
        "2026-01-05T09:00:00",
        "9999-12-31T23:59:59Z",
        "9999999999999999999h",
        "99999999h",
        "1e999999",
        "9e999999Ei",
        "True",
        "Ready",
        "v1",
    ]
)
odd_numbers = st.integers() | st.sampled_from([-2, -1, 0, 2**31, 2**63, 10**30]) | st.floats()
anything_in_json = st.recursive(
    st.none() | st.booleans() | odd_numbers | odd_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_texts, inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in a value, itself included."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in inside:
        yield from places(child, (*path, name))


def replaced(value: Any, path: Path, by: Any) -> Any:
    """The value with another at that place."""
    if not path:
        return by
    copy = deepcopy(value)
    holder = copy
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = by
    return copy


def disturbed(value: Any, times: int = 2) -> st.SearchStrategy[Any]:
    """The value with up to so many places replaced by anything."""

    def once(known: Any) -> st.SearchStrategy[Any]:
        return st.builds(
            replaced, st.just(known), st.sampled_from(sorted(places(known), key=str)), anything_in_json
        )

    strategy = once(value)
    for _ in range(times - 1):
        strategy = strategy.flatmap(lambda known: st.just(known) | once(known))
    return strategy
