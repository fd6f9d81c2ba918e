"""The Kubernetes objects that parts are made of, all fit for a namespace of the restricted standard.

Pure: dictionaries out, nothing applied.
"""

from __future__ import annotations

from typing import Any

from lockgate_sandbox.images import Image

Json = dict[str, Any]
_USER = 10001


def named(version: str, kind: str, name: str, namespace: str, **fields: Any) -> Json:
    """Any object of a namespace."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}


def namespace(name: str) -> Json:
    """A namespace that holds its pods to the restricted standard."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def secret(name: str, namespace: str, **entries: str) -> Json:
    """A Secret; in names of entries `_` stands for `-`."""
    data = {entry.replace("_", "-"): value for entry, value in entries.items()}
    return named("v1", "Secret", name, namespace, stringData=data)


def service_account(name: str, namespace: str, rules: list[Json]) -> tuple[Json, ...]:
    """A service account that may do this everywhere, by a ClusterRole of its name."""
    group = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    role = {"apiGroup": group, "kind": "ClusterRole", "name": name}
    common = {"apiVersion": f"{group}/v1", "metadata": {"name": name}}
    return (
        named("v1", "ServiceAccount", name, namespace),
        {**common, "kind": "ClusterRole", "rules": rules},
        {**common, "kind": "ClusterRoleBinding", "roleRef": role, "subjects": [subject]},
    )


def container(name: str, image: str, mounts: dict[str, str], **fields: Any) -> Json:
    """A container without privileges, of an image by its reference; `mounts` say where volumes are seen."""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "Never",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": volume, "mountPath": path} for volume, path in mounts.items()],
        **fields,
    }


def pod_spec(container: Json, volumes: dict[str, Json], **fields: Any) -> Json:
    """A pod of one container and these volumes, by name."""
    security = {"runAsNonRoot": True, "runAsUser": _USER, "fsGroup": _USER}
    return {
        "securityContext": {**security, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": name, **source} for name, source in volumes.items()],
        **fields,
    }


def server(
    name: str,
    namespace: str,
    image: Image,
    port: int,
    ready: str,
    writable: tuple[str, ...],
    account: str = "default",
    **fields: Any,
) -> tuple[Json, Json]:
    """A server of one pod behind a Service of its name.

    `ready` is the path that tells when it may be asked, `writable` are its directories, gone with the pod,
    and `account` is the service account whose rights it has.
    """
    probe = {"httpGet": {"path": ready, "port": port}, "periodSeconds": 1}
    ports = [{"containerPort": port}]
    mounts = {volume: f"/{volume}" for volume in writable}
    served = container(name, image.reference, mounts, ports=ports, readinessProbe=probe, **fields)
    labels = {"app.kubernetes.io/name": name}
    scratch: dict[str, Json] = {volume: {"emptyDir": {}} for volume in writable}
    pod = pod_spec(served, scratch, serviceAccountName=account)
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    asked = {"selector": labels, "ports": [{"port": port, "targetPort": port}]}
    return (
        named("apps/v1", "Deployment", name, namespace, spec=spec),
        named("v1", "Service", name, namespace, spec=asked),
    )
