"""Prometheus, which looks each second: at pods that ask for it, and at Lockgate where that is there.

In a cluster it is a pod that finds others by the API server; on a control plane a process of the world
that is told by files whom to scrape (`scrape`).
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from lockgate_sandbox import objects, scraping
from lockgate_sandbox.binaries import programs_of
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.images import Image
from lockgate_sandbox.part import Handle, Prepared
from lockgate_sandbox.running import RunningWorld
from lockgate_sandbox.supervise.components import free_port
from lockgate_sandbox.tool_images import image_of
from lockgate_sandbox.waiting import until_it_answers
from lockgate_sandbox.worlds import Level, write_atomically

NAMESPACE = "monitoring"
_NAME, _PORT = "prometheus", 9090
_LOCKGATE = "lockgate-metrics.lockgate-system.svc:8080"
_SCRAPED = "scraped"
_ANSWER_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Prometheus(Handle):
    """A Prometheus: `url` for this machine, `inner_url` for who runs in the world."""

    world: RunningWorld
    inner_url: str

    def query(self, promql: str) -> dict[str, float]:
        """What a query gives now: numbers by their labels as JSON, sorted; SandboxError with its words."""
        asked = urllib.parse.urlencode({"query": promql}).encode()
        try:
            with urllib.request.urlopen(  # noqa: S310 - of our making
                f"{self.url}/api/v1/query", asked, timeout=_ANSWER_SECONDS
            ) as answer:
                found = json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise SandboxError(f"Prometheus refuses {promql!r}: {error.read().decode()[:500]}") from error
        if found["resultType"] == "scalar":
            return {"{}": float(found["result"][1])}
        return {json.dumps(one["metric"], sort_keys=True): float(one["value"][1]) for one in found["result"]}

    def scrape(self, name: str, address: str, **labels: str) -> None:
        """From now on scrape a server of this machine, HOST:PORT; on a control plane only."""
        if isinstance(self.world, ClusterWorld):
            raise SandboxError("in a cluster Prometheus finds pods by their annotations")
        be_scraped(self.world, name, address, **labels)


def be_scraped(world: RunningWorld, name: str, address: str, **labels: str) -> None:
    """Say that a process of a control plane has metrics, whether a Prometheus is there yet or not."""
    place = world.directory / _SCRAPED
    place.mkdir(exist_ok=True)
    write_atomically(place / f"{name}.json", json.dumps(scraping.target(address, labels)))


class _Part:
    name = _NAME
    needs = ()
    levels = frozenset({Level.CONTROL_PLANE, Level.CLUSTER})
    handle = Prometheus

    def prepare(self, level: Level) -> Prepared:
        """The program, which as an image is nothing else."""
        if level is Level.CLUSTER:
            return Prepared(images={_NAME: image_of(_NAME)})
        return Prepared(programs=programs_of([_NAME]))

    def install(self, world: RunningWorld, prepared: Prepared) -> Prometheus:
        """With a memory of its own, gone with the world."""
        if isinstance(world, ClusterWorld):
            url, inner_url = _as_pod(world, prepared.images[_NAME]), f"http://{_NAME}.{NAMESPACE}.svc:{_PORT}"
        else:
            url = inner_url = _as_process(world, prepared.programs[_NAME])
        until_it_answers("Prometheus", f"{url}/-/ready")
        return Prometheus(world=world, url=url, inner_url=inner_url)


def _as_pod(world: ClusterWorld, image: Image) -> str:
    world.load_image_archives([image.archive])
    told = scraping.configuration(scraping.pods(), scraping.server("lockgate", _LOCKGATE))
    config = objects.named("v1", "ConfigMap", _NAME, NAMESPACE, data={"config.json": json.dumps(told)})
    arguments = scraping.arguments("/config/config.json", "/data", f":{_PORT}")
    deployment, service = objects.server(
        _NAME, NAMESPACE, image, _PORT, "/-/ready", ("data",), args=arguments
    )
    pod = deployment["spec"]["template"]["spec"]
    pod["serviceAccountName"] = _NAME
    pod["volumes"].append({"name": "config", "configMap": {"name": _NAME}})
    pod["containers"][0]["volumeMounts"].append({"name": "config", "mountPath": "/config"})
    world.apply(
        objects.namespace(NAMESPACE), config, *scraping.account(_NAME, NAMESPACE), deployment, service
    )
    return world.forward(NAMESPACE, _NAME, _PORT)


def _as_process(world: RunningWorld, program: Path) -> str:
    config = world.directory / "prometheus.json"
    write_atomically(config, json.dumps(scraping.configuration(scraping.files(f"{_SCRAPED}/*.json"))))
    address = f"127.0.0.1:{free_port()}"
    world.join(_NAME, [str(program), *scraping.arguments(config.name, _NAME, address)], {})
    return f"http://{address}"


PART = _Part()
