"""Somebody who compares what the versions of a model answer, by the log that their server keeps.

A model is compared if its runtime has `--log-answers` among its arguments and its requests carry an id, as
Envoy's do, copies included. Prometheus finds the counts; whether they are good is for an analysis to say.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockgate_sandbox import objects
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.comparing import PORT
from lockgate_sandbox.images import build_images
from lockgate_sandbox.part import Handle, Prepared
from lockgate_sandbox.source import PACKAGES
from lockgate_sandbox.worlds import Level

NAMESPACE = "comparison"
_NAME, _PROGRAM = "comparison", "program"
_SCRIPT = PACKAGES / "lockgate_sandbox" / "comparing.py"
_OF_IT = '{model="$namespace/$name",of="$release"}[$window]'
DISAGREEMENT = (
    f"sum(increase(comparison_disagreements_total{_OF_IT})) / sum(increase(comparison_answers_total{_OF_IT}))"
)
"""PromQL for an analysis: the share (0 to 1) of the answers of a release from which stable's differ."""


@dataclass(frozen=True, kw_only=True)
class Comparing(Handle):
    """Who compares; `url` is where the API server tells of its pod."""

    world: ClusterWorld


class _Part:
    name = _NAME
    needs = ()
    levels = frozenset({Level.CLUSTER})
    handle = Comparing

    def prepare(self, level: Level) -> Prepared:
        """Any image with a Python."""
        return Prepared(images=build_images(["modelserver"]))

    def install(self, world: ClusterWorld, prepared: Prepared) -> Comparing:
        """With rights to see pods and their logs, and no other."""
        image = prepared.images["modelserver"]
        world.load_image_archives([image.archive])
        program = objects.named(
            "v1", "ConfigMap", _PROGRAM, NAMESPACE, data={_SCRIPT.name: _SCRIPT.read_text()}
        )
        rules = [
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
            {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
        ]
        command = ["python", f"/{_PROGRAM}/{_SCRIPT.name}"]
        deployment, service = objects.server(
            _NAME, NAMESPACE, image, PORT, "/metrics", (), account=_NAME, command=command
        )
        template = deployment["spec"]["template"]
        template["metadata"]["annotations"] = {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(PORT),
        }
        template["spec"]["volumes"].append({"name": _PROGRAM, "configMap": {"name": _PROGRAM}})
        template["spec"]["containers"][0]["volumeMounts"].append(
            {"name": _PROGRAM, "mountPath": f"/{_PROGRAM}"}
        )
        account = objects.service_account(_NAME, NAMESPACE, rules)
        world.apply(objects.namespace(NAMESPACE), program, *account, deployment, service)
        ready = ("rollout", "status", f"deployment/{_NAME}", f"--namespace={NAMESPACE}", "--timeout=120s")
        world.kubectl(*ready, timeout=130)
        return Comparing(world=world, url=f"{world.api_url}/api/v1/namespaces/{NAMESPACE}/pods")


PART = _Part()
