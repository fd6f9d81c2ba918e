"""Objects for tests, with defaults that a test overrides only where it speaks of them."""

from datetime import UTC, datetime
from typing import Any

from lockgate.api.parse import parse_model_deployment
from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Revision
from lockgate.backends.settings import PodSettings, PodSource
from lockgate.domain.version import Version, VersionFacts

T0 = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
IMAGE = "registry.example/onnx@sha256:" + "a" * 64
SOURCE = PodSource(
    base_url="https://api.wandb.example", secret_name="lockgate-registry", secret_key="api-key"
)
PODS = PodSettings(
    fetch_image="registry.example/lockgate:1",
    sources={"default": SOURCE},
    fetch_deadline_seconds=900,
    fetch_max_bytes=10**9,
)


def deployment_object(
    *, name: str = "churn", namespace: str = "growth", uid: str = "uid-1", generation: int = 1, **spec: Any
) -> dict[str, Any]:
    """A ModelDeployment as the API server would send it; keywords are fields of the spec."""
    return {
        "apiVersion": "lockgate.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "generation": generation,
            "resourceVersion": "1",
        },
        "spec": {
            "model": {"registry": "model", "collection": "churn", "alias": "production"},
            "runtime": {"name": "onnx"},
            "replicas": 2,
            "strategy": {"rolling": {"maxSurge": "25%", "maxUnavailable": 0}},
        }
        | spec,
    }


def runtime_object(**spec: Any) -> dict[str, Any]:
    """A ModelRuntime for ONNX."""
    return {
        "apiVersion": "lockgate.dev/v1alpha1",
        "kind": "ModelRuntime",
        "metadata": {"name": "onnx", "uid": "uid-runtime", "generation": 1, "resourceVersion": "1"},
        "spec": {
            "image": IMAGE,
            "args": ["--model-dir=$(MODEL_PATH)", "--model-name=$(MODEL_NAME)"],
            "port": 8080,
            "protocol": "OpenInferenceV2",
            "readinessPath": "/v2/health/ready",
            "acceptedFormats": ["onnx"],
            "resources": {
                "requests": {"cpu": "100m", "memory": "128Mi"},
                "limits": {"memory": "256Mi"},
                "ceilings": {"cpu": "2", "memory": "1Gi"},
            },
        }
        | spec,
    }


def deployment(status: dict[str, Any] | None = None, **spec: Any) -> ModelDeployment:
    """A parsed ModelDeployment."""
    raw = deployment_object(**spec)
    if status is not None:
        raw["status"] = status
    return parse_model_deployment(raw)


def version(
    number: int, /, *, digest: str | None = None, size: int | None = None, files: int = 1, **fields: Any
) -> Version:
    """A version vN of model/churn."""
    known: dict[str, Any] = {
        "uri": f"wandb://acme-org/wandb-registry-model/churn:v{number}",
        "number": f"v{number}",
        "claim": f"wandb-md5:{digest or f'{number:032x}'}",
        "ready": True,
        "facts": VersionFacts(size=1000 + number if size is None else size, files=files),
    }
    return Version(**(known | fields))


def revision(number: int, alias: str | None = "production") -> Revision:
    """The revision that `version(number)` gives when reached by an alias."""
    known = version(number)
    return Revision(version=known.number, uri=known.uri, digest=known.claim, model="model/churn", alias=alias)
