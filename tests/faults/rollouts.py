"""One rollout after another on the same site, and what its end must be whatever was done to it."""

import os
from collections.abc import Iterator, Sequence
from typing import TypeVar

from tests.faults.proxy import Fault
from tests.faults.rig import FaultSite

from lockgate_sandbox.api import Json

MOST_WRITES = 40
# Events are written when all else is done.
_LAST_WRITES_SECONDS = 3.0
# The long sweeps are whole with this variable; without it they take the cases that differ most.
WHOLE = os.environ.get("LOCKGATE_FAULTS_WHOLE", "") not in ("", "0")
_T = TypeVar("_T")


def few_of(cases: Sequence[_T], *few: int) -> Sequence[_T]:
    """All the cases of a sweep when it is to be whole, else those at these places."""
    return cases if WHOLE else [cases[place] for place in few]


def writes_to_hit() -> Iterator[tuple[int, str]]:
    """Which write of a rollout is hit, every second one when the sweep is thin, and where it leads."""
    for turn, number in enumerate(range(0, MOST_WRITES, 1 if WHOLE else 2)):
        yield number, ("v1", "v0")[turn % 2]


def lands(site: FaultSite, fault: Fault, version: str) -> bool:
    """Whether a fault of a rollout's write lands; one that ends without had fewer writes."""

    def has_ended() -> bool:
        status = site.get("modeldeployments").get("status") or {}
        return (status.get("history") or [{}])[0].get("version") == version

    site.wait("the fault lands or the end comes", lambda: fault.landed.is_set() or has_ended())
    return fault.landed.wait(_LAST_WRITES_SECONDS)


def two_versions(site: FaultSite) -> None:
    """v0 serves and v1 is there."""
    site.seed(2, alias=None)
    site.registry.move_alias("model", "churn", "production", "v0")
    site.deploy()
    site.wait_serving("v0")
    site.wait_quiet()


def the_end(site: FaultSite, name: str = "churn") -> Json:
    """What must be the same however often something went wrong: times, uids and names aside."""
    found = site.get("modeldeployments", name)
    status = found["status"]
    workload, service = site.get("deployments", name), site.get("services", name)
    return {
        "stable": status["stable"],
        "candidate": status.get("candidate"),
        "last": [(e["version"], e["outcome"]) for e in (status.get("history") or ())[:1]],
        "conditions": {c["type"]: (c["status"], c["reason"], c["message"]) for c in status["conditions"]},
        "phase": status["phase"],
        "traffic": status["traffic"],
        "template": workload["spec"]["template"]["metadata"]["annotations"],
        "replicas": workload["status"]["availableReplicas"],
        "selector": service["spec"]["selector"],
        "children": sorted(
            child["metadata"]["name"] for kind in ("deployments", "services") for child in site.all(kind)
        ),
    }


def roll(site: FaultSite, version: str, **options: float) -> Json:
    """Let the alias mean `version`, wait until it serves and all is told, and tell the end."""
    site.registry.move_alias("model", "churn", "production", version)
    return rolled(site, version, **options)


def rolled(site: FaultSite, version: str, **options: float) -> Json:
    """Wait until `version` serves and tell the end."""
    site.wait_serving(version, **options)
    site.wait(
        "its end is told",
        lambda: (site.get("modeldeployments")["status"].get("history") or [{}])[0].get("version") == version,
        **options,
    )
    return the_end(site)
