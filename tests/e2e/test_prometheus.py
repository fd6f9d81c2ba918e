"""Prometheus on the real cluster: it finds model pods by what Lockgate wrote on them, and Lockgate itself."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from tests.fakes.builders import deployment, revision
from tests.waiting import wait_until

from lockgate.api.parse import parse_model_runtime
from lockgate.domain.analysis import Judgement
from lockgate.domain.gate import Holds
from lockgate.observe.measurements import Measurements
from lockgate.observe.prometheus import Prometheus
from lockgate.plan.analysis import judge_analysis
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.parts import models, prometheus, registry
from lockgate_sandbox.parts.models import MODEL, NAMESPACE
from lockgate_sandbox.source import EXAMPLES
from lockgate_sandbox.training import train

pytestmark = pytest.mark.cluster
PATIENCE_SECONDS = 180.0


@pytest.fixture
def served(cluster: ClusterWorld, tmp_path: Path) -> Iterator[models.Models]:
    """The shipped example, served."""
    made, following = cluster.add(models.PART), cluster.add(registry.PART)
    train("v1", tmp_path / "v1")
    following.seed(tmp_path / "v1", f"model/{MODEL}")
    following.promote(f"model/{MODEL}", "v0", "production")
    made.deploy(EXAMPLES / "churn.yaml")
    ready = ("wait", f"modeldeployment/{MODEL}", f"-n={NAMESPACE}", "--for=condition=Ready")
    cluster.kubectl(*ready, f"--timeout={PATIENCE_SECONDS:g}s", timeout=PATIENCE_SECONDS + 10)
    yield made
    cluster.kubectl("delete", "modeldeployment", MODEL, "-n", NAMESPACE, "--wait=false")


def test_what_the_pods_of_a_release_count_is_found_by_the_shipped_promql_and_judged(
    cluster: ClusterWorld, served: models.Models
):
    watching = cluster.add(prometheus.PART)
    of_it = f"-l=lockgate.dev/model-deployment={MODEL}"
    listed = json.loads(cluster.kubectl("get", "pods", "-n", NAMESPACE, of_it, "-o=json").stdout)["items"]
    # Those of whoever had this name before may still be on their way out.
    pods = [pod["metadata"] for pod in listed if "deletionTimestamp" not in pod["metadata"]]
    (release,) = {pod["labels"]["lockgate.dev/release"] for pod in pods}
    names = {pod["name"] for pod in pods}

    def scraped() -> bool:
        ups = watching.query(
            f'up{{namespace="{NAMESPACE}",model_deployment="{MODEL}",release="{release}"}} == 1'
        )
        return {json.loads(labels)["pod"] for labels in ups} == names

    wait_until("every pod is scraped", scraped, within=PATIENCE_SECONDS)
    wait_until("Lockgate is scraped", lambda: watching.query('up{job="lockgate"} == 1'))

    shipped = yaml.safe_load((EXAMPLES / "runtime-onnx.yaml").read_text())
    wanted = deployment(
        strategy={"blueGreen": {}},
        analysis={
            "interval": "5s",
            "count": 2,
            "metrics": [
                {"name": "errors", "query": "errors", "max": 0.01},
                {"name": "latency", "query": "latency", "max": 2},
            ],
        },
    )
    assert (wanted.namespace, wanted.name) == (NAMESPACE, MODEL)
    began = datetime.now(UTC).replace(microsecond=0)

    def judged() -> Judgement | None:
        served.predict(MODEL)
        now = datetime.now(UTC).replace(microsecond=0)

        async def read() -> Judgement:
            measurements = Measurements(Prometheus(watching.url), author_promql=False)
            candidate = replace(revision(1), release=release)
            try:
                kind = parse_model_runtime(shipped)
                found = await measurements.read(wanted, kind, candidate, None, began, now)
            finally:
                await measurements.close()
            assert wanted.analysis is not None
            return judge_analysis(wanted.analysis, found, began, now)

        found = asyncio.run(read())
        return None if found.verdict.holds is Holds.NOT_YET else found

    found = wait_until("it is judged", judged, within=60.0, every=0.1)
    assert (found.verdict.holds, found.verdict.sentence) == (Holds.YES, "")
    assert found.measured[0].value == 0.0
