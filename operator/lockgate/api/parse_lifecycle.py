"""From what a spec says of when a rollout may begin to values, naming the field in the way. Pure."""

from collections.abc import Mapping
from typing import Any

from lockgate.api import read
from lockgate.api.lifecycle import Settle


def parse_settle(raw: Mapping[str, Any] | None) -> Settle:
    """Read `spec.settle`; nothing waits where it is absent."""
    block, parent = raw or {}, "spec.settle"
    return Settle(
        debounce=read.duration(block, "debounce", parent, default="0s", may_be_zero=True),
        soak=read.duration(block, "soak", parent, default="0s", may_be_zero=True),
    )
