"""The rendered objects, byte for byte, as reviewed files: a change in them is seen in a diff.

`make golden` writes them anew.
"""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tests.fakes.builders import PODS, T0, deployment, revision, runtime_object
from tests.fakes.drawn import drawn

from lockgate.api.parse import parse_model_runtime
from lockgate.api.status import ModelDeploymentStatus, RolloutState
from lockgate.domain.observed import Observed
from lockgate.domain.release import release_of
from lockgate.plan.planner import plan_rollout

CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize(
    ("name", "spec", "runtime", "size"),
    [
        pytest.param("smallest", {}, {}, None, id="smallest"),
        pytest.param(
            "everything",
            {
                "replicas": 5,
                "resources": {"requests": {"cpu": "500m"}, "limits": {"memory": "512Mi"}},
                "strategy": {"rolling": {"maxSurge": 2, "maxUnavailable": "10%"}},
                "progressDeadline": "1h30m",
                "minReadySeconds": 45,
                "revisionHistoryLimit": 3,
            },
            {
                "command": ["/server"],
                "env": [{"name": "THREADS", "value": "2"}],
                "terminationGracePeriodSeconds": 60,
                "metrics": {"path": "/internal/metrics", "port": 9100},
            },
            5 * 10**9,
            id="everything",
        ),
        pytest.param("kserve", {"backend": {"kserve": {}}}, {}, None, id="kserve"),
    ],
)
def test_rendered_objects_are_those_that_were_reviewed(name, spec, runtime, size):
    asked, kind = deployment(**spec), parse_model_runtime(runtime_object(**runtime))
    release = release_of(asked, replace(revision(3), size=size), kind)
    stable = replace(asked, status=ModelDeploymentStatus(rollout=RolloutState(stable=release)))
    plan = plan_rollout(stable, None, Observed(), T0)
    objects = drawn(stable, kind, plan, PODS)
    path = CASES / f"{name}.yaml"
    plain = json.loads(json.dumps(objects))  # the same part twice is written twice, not as an alias
    text = yaml.safe_dump_all(plain, sort_keys=True, width=100)
    if os.environ.get("LOCKGATE_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()
