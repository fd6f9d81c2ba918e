"""The Kubernetes objects that the demo applies besides the chart and the shipped example."""

from __future__ import annotations

from typing import Any

from lockgate_sandbox.images import Image
from lockgate_sandbox.registry.identity import User

Json = dict[str, Any]
REGISTRY_NAMESPACE = "registry"
OPERATOR_NAMESPACE = "lockgate-system"
MODEL_NAMESPACE = "growth"
REGISTRY_URL = f"http://registry.{REGISTRY_NAMESPACE}.svc:8080"
_RESTRICTED: Json = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
_POD_SECURITY: Json = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "fsGroup": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def namespaces() -> list[Json]:
    """The three namespaces; all hold their pods to the restricted standard."""
    enforced = {"pod-security.kubernetes.io/enforce": "restricted"}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": enforced}}
        for name in (REGISTRY_NAMESPACE, OPERATOR_NAMESPACE, MODEL_NAMESPACE)
    ]


def registry(image: Image, users: tuple[User, ...]) -> list[Json]:
    """The registry as a pod behind a Service; its data goes with the world."""
    told = ",".join(f"{user.name}:{user.key}:{user.role.label}" for user in users)
    container: Json = {
        "name": "registry",
        "image": image.reference,
        "imagePullPolicy": "Never",
        "args": ["serve", "--host=0.0.0.0", "--port=8080", "--data-dir=/data", "--protect=model:production"],
        "env": [
            {
                "name": "LOCKGATE_REGISTRY_USERS",
                "valueFrom": {"secretKeyRef": {"name": "users", "key": "users"}},
            }
        ],
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1},
        "securityContext": _RESTRICTED,
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }
    volumes = [{"name": "data", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}]
    return [
        _named("v1", "Secret", "users", REGISTRY_NAMESPACE, stringData={"users": told}),
        _deployment("registry", REGISTRY_NAMESPACE, container, volumes),
        _service("registry", REGISTRY_NAMESPACE),
    ]


def api_keys(reader: User) -> list[Json]:
    """The Secrets with the key of a viewer: for the operator and for the model pods."""
    return [
        _named("v1", "Secret", "lockgate-registry", namespace, stringData={"api-key": reader.key})
        for namespace in (OPERATOR_NAMESPACE, MODEL_NAMESPACE)
    ]


def runtime(image: Image) -> Json:
    """The runtime of the platform team: the small Open Inference server of the sandbox."""
    return {
        "apiVersion": "lockgate.dev/v1alpha1",
        "kind": "ModelRuntime",
        "metadata": {"name": "onnx"},
        "spec": {
            "image": image.reference,
            "args": ["--model-dir=$(MODEL_PATH)", "--model-name=$(MODEL_NAME)", "--port=8080"],
            "port": 8080,
            "protocol": "OpenInferenceV2",
            "readinessPath": "/v2/health/ready",
            "acceptedFormats": ["onnx"],
            "resources": {
                "requests": {"cpu": "50m", "memory": "96Mi"},
                "limits": {"memory": "256Mi"},
                "ceilings": {"cpu": "1", "memory": "512Mi"},
            },
            "terminationGracePeriodSeconds": 15,
            "metrics": {"path": "/metrics"},
        },
    }


def visitor(image: Image, script: str, url: str, body: str) -> list[Json]:
    """A client inside the cluster that never stops asking, as a pod with its script in a ConfigMap."""
    container: Json = {
        "name": "visitor",
        "image": image.reference,
        "imagePullPolicy": "Never",
        "command": ["python", "/script/visitor.py", url, body],
        "securityContext": _RESTRICTED,
        "volumeMounts": [{"name": "script", "mountPath": "/script"}],
    }
    volumes = [{"name": "script", "configMap": {"name": "visitor"}}]
    pod: Json = {
        "securityContext": _POD_SECURITY,
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": volumes,
    }
    return [
        _named("v1", "ConfigMap", "visitor", MODEL_NAMESPACE, data={"visitor.py": script}),
        _named("v1", "Pod", "visitor", MODEL_NAMESPACE, spec=pod),
    ]


def _named(version: str, kind: str, name: str, namespace: str, **fields: Any) -> Json:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        **fields,
    }


def _deployment(name: str, namespace: str, container: Json, volumes: list[Json]) -> Json:
    labels = {"app.kubernetes.io/name": name}
    pod = {"securityContext": _POD_SECURITY, "containers": [container], "volumes": volumes}
    return _named(
        "apps/v1",
        "Deployment",
        name,
        namespace,
        spec={
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    )


def _service(name: str, namespace: str) -> Json:
    return _named(
        "v1",
        "Service",
        name,
        namespace,
        spec={"selector": {"app.kubernetes.io/name": name}, "ports": [{"port": 8080, "targetPort": 8080}]},
    )
