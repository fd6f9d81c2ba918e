"""Which versions does a ModelDeployment remember as failed, and which is it kept from? Read from its status.

A status can hold anything: what cannot be read is nothing. What follows is said in resolve/quarantine.py.
"""

from typing import Any

from lockgate.domain.resources import Object, Tried
from lockgate.names import ConditionType, Reason


def failed_in(obj: Object) -> tuple[Tried, ...]:
    """What failed, each once."""
    failed = _part(_part(obj.get("status"), "rollout"), "failed")
    tried = map(_tried, failed) if isinstance(failed, list) else ()
    return tuple(dict.fromkeys(filter(None, tried)))


def quarantined_in(obj: Object) -> Tried | None:
    """What it would run, had it not failed elsewhere."""
    status = obj.get("status")
    conditions = _part(status, "conditions")
    is_kept = any(
        (_part(each, "type"), _part(each, "reason")) == (ConditionType.STALLED, Reason.QUARANTINED)
        for each in (conditions if isinstance(conditions, list) else ())
    )
    return _tried(_part(status, "desired")) if is_kept else None


def _tried(revision: Any) -> Tried | None:
    digest, runtime = _part(revision, "digest"), _part(revision, "runtime")
    return (digest, runtime) if isinstance(digest, str) and isinstance(runtime, str) else None


def _part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
