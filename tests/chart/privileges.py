"""What a pod may not have, each as a change to a rendered Deployment and the words it is refused with."""

from collections.abc import Callable
from typing import Any

Object = dict[str, Any]
Change = Callable[[Object], Any]


def pod(workload: Object) -> Object:
    spec: Object = workload["spec"]["template"]["spec"]
    return spec


PRIVILEGES: dict[str, tuple[str, Change]] = {
    "host network": ("shares its node's network", lambda w: pod(w).update(hostNetwork=True)),
    "host processes": ("shares its node's network", lambda w: pod(w).update(hostPID=True)),
    "host port": (
        "shares its node's network",
        lambda w: pod(w)["containers"][0]["ports"][0].update(hostPort=8080),
    ),
    "another account": ("rights of an account", lambda w: pod(w).update(serviceAccountName="admin")),
    "a token": ("rights of an account", lambda w: pod(w).update(automountServiceAccountToken=True)),
    "a token by silence": ("rights of an account", lambda w: pod(w).pop("automountServiceAccountToken")),
    "host path": (
        "no volumes but",
        lambda w: pod(w)["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
    ),
    "another secret": (
        "no volumes but",
        lambda w: pod(w)["volumes"].append({"name": "x", "secret": {"secretName": "bank"}}),
    ),
    "another config map": (
        "no volumes but",
        lambda w: pod(w)["volumes"].append({"name": "x", "configMap": {"name": "plans"}}),
    ),
    "another claim": (
        "no volumes but",
        lambda w: pod(w)["volumes"].append({"name": "x", "persistentVolumeClaim": {"claimName": "bank"}}),
    ),
    "a projected token": (
        "no volumes but",
        lambda w: pod(w)["volumes"].append(
            {"name": "x", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}
        ),
    ),
    "a secret in the environment": (
        "nothing into a pod's environment",
        lambda w: pod(w)["containers"][0]["env"].append(
            {"name": "X", "valueFrom": {"secretKeyRef": {"name": "bank", "key": "x"}}}
        ),
    ),
    "all of a secret in the environment": (
        "nothing into a pod's environment",
        lambda w: pod(w)["initContainers"][0].update(envFrom=[{"secretRef": {"name": "bank"}}]),
    ),
    "no security context": (
        "no pod with privileges",
        lambda w: pod(w)["containers"][0].pop("securityContext"),
    ),
    "a root file system to write to": (
        "no pod with privileges",
        lambda w: pod(w)["containers"][0]["securityContext"].update(readOnlyRootFilesystem=False),
    ),
    "privileged fetch": (
        "no pod with privileges",
        lambda w: pod(w)["initContainers"][0]["securityContext"].pop("allowPrivilegeEscalation"),
    ),
    "a capability": (
        "no pod with privileges",
        lambda w: pod(w)["containers"][0]["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
    ),
    "root": ("no pod with privileges", lambda w: pod(w)["securityContext"].update(runAsNonRoot=False)),
}
