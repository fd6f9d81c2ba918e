"""Facts about a workload and its pods, for tests of what is decided by them; by default all is well."""

from dataclasses import replace
from typing import Any

from tests.fakes.builders import revision

from lockgate.api.status import Proof, Revision
from lockgate.domain.observed import FetchFacts, PodFacts, WorkloadFacts


def release(number: int, runtime: str = "onnx@1") -> Revision:
    """A release of the version of that number."""
    return replace(revision(number), release=f"{number:08x}", runtime=runtime)


def proof(tree: str = "7") -> Proof:
    """What a pod proved."""
    return Proof(tree_digest=f"sha256:{tree}", files=1, size=1001)


def pod(of: Revision, name: str = "p0", tree: str | None = "7", **changes: Any) -> PodFacts:
    """A pod that is ready and has proved a tree; none where there is no tree."""
    known: dict[str, Any] = {
        "name": name,
        "revision": of,
        "ready": True,
        "deleting": False,
        "fetch": FetchFacts(attempts=1, proof=None if tree is None else proof(tree)),
    }
    return PodFacts(**(known | changes))


def workload(of: Revision | None, replicas: int = 2, **changes: Any) -> WorkloadFacts:
    """A workload whose pods are all of its release and available."""
    known: dict[str, Any] = {
        "name": "churn",
        "revision": of,
        "replicas": replicas,
        "updated": replicas,
        "total": replicas,
        "available": replicas,
        "generation_observed": True,
    }
    return WorkloadFacts(**(known | changes))
