"""KServe in its Standard mode, from its own chart, with its webhooks and without what it could do beside.

The chart has cert-manager sign the webhooks' certificate, and puts a proxy before its metrics; neither is in
this world. Here a certificate is made with the world, and nobody reads these metrics.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import yaml

from lockgate_sandbox import objects
from lockgate_sandbox.binaries import files_of, programs_of
from lockgate_sandbox.binaries.pins import KSERVE_CHART, KSERVE_CRDS
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.images import Image
from lockgate_sandbox.part import Handle, Prepared
from lockgate_sandbox.pki import Authority, KeyPair
from lockgate_sandbox.tool_images import image_of
from lockgate_sandbox.worlds import Level

Json = dict[str, Any]
NAMESPACE = "kserve"
_PROGRAM = "kserve-controller"
_CONTROLLER, _CONTAINER = "kserve-controller-manager", "manager"
_WEBHOOKS, _CERTIFICATE = "kserve-webhook-server-service", "kserve-webhook-server-cert"
_VALUES = {
    "controller.deploymentMode": "Standard",
    # Traffic is Lockgate's business here, as it is wherever that has a gateway.
    "controller.gateway.disableIngressCreation": "true",
}
_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class KServe(Handle):
    """KServe; `url` is where the API server takes InferenceServices."""

    world: ClusterWorld


class _Part:
    name = "kserve"
    needs = ()
    levels = frozenset({Level.CLUSTER})
    handle = KServe

    def prepare(self, level: Level) -> Prepared:
        """The controller, the chart and the CRDs, all from one module."""
        files = {each.name: files_of(each) for each in (KSERVE_CHART, KSERVE_CRDS)}
        return Prepared(programs=programs_of(["helm"]), files=files, images={_PROGRAM: image_of(_PROGRAM)})

    def install(self, world: ClusterWorld, prepared: Prepared) -> KServe:
        """The kinds first, then the controller; returns when its webhooks answer."""
        image = prepared.images[_PROGRAM]
        world.load_image_archives([image.archive])
        world.kubectl("apply", "--server-side", "-k", str(prepared.files[KSERVE_CRDS.name]))
        values = [f"--set=kserve.{name}={value}" for name, value in _VALUES.items()]
        chart = (str(prepared.files[KSERVE_CHART.name]), f"--namespace={NAMESPACE}", *values)
        drawn = [each for each in yaml.safe_load_all(world.helm("template", "kserve", *chart).stdout) if each]
        host = f"{_WEBHOOKS}.{NAMESPACE}.svc"
        authority = Authority.load(world.directory / "pki")
        # Pods of its own namespace are none of its business, or none could ever start.
        space = {**objects.namespace(NAMESPACE)}
        space["metadata"]["labels"]["control-plane"] = NAMESPACE
        world.apply(space, _secret(authority.server(host, [host])), *_fitted(drawn, image, authority))
        ready = (
            "rollout",
            "status",
            f"deployment/{_CONTROLLER}",
            f"-n={NAMESPACE}",
            f"--timeout={_SECONDS}s",
        )
        world.kubectl(*ready, timeout=_SECONDS + 10)
        return KServe(world=world, url=f"{world.api_url}/apis/serving.kserve.io/v1beta1")


def _secret(pair: KeyPair) -> Json:
    data = {"tls.crt": pair.certificate.decode(), "tls.key": pair.key.decode()}
    return objects.named("v1", "Secret", _CERTIFICATE, NAMESPACE, type="kubernetes.io/tls", stringData=data)


def _fitted(drawn: list[Json], image: Image, authority: Authority) -> list[Json]:
    """What the chart draws, without what is not here."""
    kept = [each for each in drawn if not each["apiVersion"].startswith("cert-manager.io/")]
    kept = [each for each in kept if each["kind"] not in ("Secret", "ClusterStorageContainer")]
    bundle = base64.b64encode(authority.pair.certificate).decode()
    for each in kept:
        if each["kind"].endswith("WebhookConfiguration"):
            each["metadata"].pop("annotations", None)
            for webhook in each["webhooks"]:
                webhook["clientConfig"]["caBundle"] = bundle
        if each["kind"] == "Deployment":
            _fit(each["spec"]["template"]["spec"], image)
    return kept


def _fit(pod: Json, image: Image) -> None:
    (container,) = [each for each in pod["containers"] if each["name"] == _CONTAINER]
    pod["containers"] = [container]
    container |= {
        "image": image.reference,
        "imagePullPolicy": "Never",
        "command": [f"/{_PROGRAM}"],
        # One of it is all there is: nobody to wait for.
        "args": [each for each in container["args"] if each != "--leader-elect"],
        "resources": {"requests": {"cpu": "50m", "memory": "100Mi"}, "limits": {"memory": "512Mi"}},
    }
    container["readinessProbe"] |= {"initialDelaySeconds": 1, "periodSeconds": 1}


PART = _Part()
