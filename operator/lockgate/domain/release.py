"""What makes a release of a version: all that its pods are made of, and nothing of how we run.

A release is a version, the runtime as it was then, and the resources that the author asked for; it
is the unit of every rollout. Its name is a digest of these, the same in every release of Lockgate
(a test holds it), because another name means other pods. Images, addresses and deadlines of the
operator are no part of it: a changed one of these never replaces a pod by itself.
"""

from dataclasses import replace
from typing import Any

from lockgate.api.backend import backend_name
from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.api.status import Revision
from lockgate.domain.fingerprint import fingerprint

DIGITS = 8
# How the bytes get into the pods; there is one way so far.
_DELIVERY = "fetch"


def runtime_text(runtime: ModelRuntime) -> str:
    """A runtime and its state, `onnx@3fa9c1d2`: another text means other pods."""
    state: dict[str, Any] = {
        "image": runtime.image,
        "command": list(runtime.command),
        "args": list(runtime.args),
        "env": [list(variable) for variable in runtime.env],
        "port": runtime.port,
        "readinessPath": runtime.readiness_path,
        "requests": dict(runtime.resources.requests),
        "limits": dict(runtime.resources.limits),
        "terminationGracePeriodSeconds": runtime.termination_grace_period_seconds,
    }
    if runtime.ray is not None:
        state["ray"] = [runtime.ray.version, runtime.ray.import_path, runtime.ray.deployment]
    return f"{runtime.name}@{fingerprint(state)[:DIGITS]}"


def release_of(deployment: ModelDeployment, revision: Revision, runtime: ModelRuntime) -> Revision:
    """The release that this version is with today's runtime and spec."""
    return _made_with(deployment, revision, runtime_text(runtime))


def is_as_asked(deployment: ModelDeployment, revision: Revision) -> bool:
    """Whether the author asks for just this release of this version, whatever became of its runtime."""
    if revision.release is None or revision.runtime is None:
        return True  # of a time that knew no releases
    same_runtime = revision.runtime.rpartition("@")[0] == deployment.runtime
    return same_runtime and _made_with(deployment, revision, revision.runtime).release == revision.release


def differs_by_runtime(deployment: ModelDeployment, wanted: Revision, present: Revision) -> bool:
    """Whether nothing but an edit of the runtime tells the wanted release from the present one."""
    is_edit = wanted.is_same_version(present) and not wanted.is_same(present)
    return is_edit and present.runtime is not None and is_as_asked(deployment, present)


def _made_with(deployment: ModelDeployment, revision: Revision, runtime: str) -> Revision:
    made_of: dict[str, Any] = {
        "model": [revision.source, revision.uri, revision.digest],
        "runtime": runtime,
        "requests": dict(deployment.resources.requests),
        "limits": dict(deployment.resources.limits),
        "delivery": _DELIVERY,
    }
    backend = backend_name(deployment.backend)
    if backend is not None:
        # Left out where it goes without saying, as it was before there were others.
        made_of["backend"] = backend
    return replace(revision, runtime=runtime, backend=backend, release=fingerprint(made_of)[:DIGITS])
