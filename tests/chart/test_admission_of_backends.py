"""The same policies for pods that KServe and KubeRay are to make: they bind the pods, whoever makes them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable

import pytest
from tests.chart.guarding import at, in_force, refusal
from tests.chart.privileges import PRIVILEGES, Object
from tests.fakes.builders import PODS, deployment, revision, runtime_object

from lockgate.api.parse import parse_model_runtime
from lockgate.api.shares import Role
from lockgate.backends.deployment.render import render_children
from lockgate.backends.deployment.template import render_template
from lockgate.domain.plan import Stage, Track
from lockgate.domain.release import release_of
from lockgate_sandbox.api import ApiClient, ApiError

pytestmark = pytest.mark.integration
RAY = {"version": "2.60.0", "importPath": "server:application", "deployment": "Server"}
RUNTIME = parse_model_runtime(runtime_object(port=8000, ray=RAY))
PLURALS = {"kserve": "inferenceservices", "rayService": "rayservices"}


def pods(backend: str, workload: Object) -> list[Object]:
    """What its pods are made of."""
    spec = workload["spec"]
    if backend == "kserve":
        return [spec["predictor"]]
    cluster = spec["rayClusterConfig"]
    return [each["template"]["spec"] for each in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]


@pytest.fixture(params=PLURALS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def workload(backend: str, namespace: str, children: tuple[Object, Object]) -> Object:
    """As the operator renders it for a ModelDeployment that exists."""
    owner = children[0]["metadata"]["ownerReferences"][0]
    asked = deployment(
        namespace=namespace, uid=owner["uid"], backend={backend: {}}, strategy={"blueGreen": {}}
    )
    release = release_of(asked, revision(1), RUNTIME)
    track = Track(role=Role.STABLE, release=release, workload="churn", replicas=2)
    drawing = render_children(asked, Stage(tracks=(track,)))[0]
    whole = drawing.whole(render_template(asked, RUNTIME, release, PODS))
    return json.loads(json.dumps(whole))  # type: ignore[no-any-return]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_the_operator_renders_is_taken(
    operator: ApiClient, backend: str, workload: Object, method: str
) -> None:
    assert refusal(operator, PLURALS[backend], workload, method) is None


@pytest.mark.parametrize("name", PRIVILEGES)
def test_the_operators_account_cannot_have_a_pod_started_with(
    name: str, operator: ApiClient, administrator: ApiClient, backend: str, workload: Object
) -> None:
    words, change = PRIVILEGES[name]
    for number in range(len(pods(backend, workload))):
        changed = copy.deepcopy(workload)
        change({"spec": {"template": {"spec": pods(backend, changed)[number]}}})
        said = in_force(lambda changed=changed: refusal(operator, PLURALS[backend], changed))
        assert words in said
        assert refusal(administrator, PLURALS[backend], changed) is None


@pytest.mark.parametrize(
    ("backend", "change"),
    [
        ("kserve", lambda s: s.update(transformer={"containers": []})),
        ("kserve", lambda s: s.update(canary=[{"predictor": {"name": "x"}}])),
        ("kserve", lambda s: s["predictor"].update(model={"storageUri": "s3://bank"})),
        ("kserve", lambda s: s["predictor"].update(workerSpec={"containers": []})),
        ("rayService", lambda s: s["rayClusterConfig"].update(enableInTreeAutoscaling=True)),
    ],
    ids=["transformer", "canary", "model", "worker", "autoscaler"],
    indirect=["backend"],
)
def test_it_cannot_have_pods_made_that_it_has_not_drawn(
    operator: ApiClient, backend: str, workload: Object, change: Callable[[Object], None]
) -> None:
    change(workload["spec"])
    said = in_force(lambda: refusal(operator, PLURALS[backend], workload))
    assert "pods of its own drawing alone" in said


def test_it_touches_none_of_somebody_else(
    operator: ApiClient, administrator: ApiClient, backend: str, workload: Object
) -> None:
    path = at(PLURALS[backend], workload["metadata"]["namespace"])
    theirs = copy.deepcopy(workload)
    theirs["metadata"] = {"name": "theirs", "namespace": workload["metadata"]["namespace"]}
    administrator.post(path, theirs)
    with pytest.raises(ApiError, match="delete only objects with its own labels"):
        operator.delete(f"{path}/theirs")
