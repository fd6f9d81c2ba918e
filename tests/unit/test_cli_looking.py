"""What is read for a look, how often, and what people are told when there is nothing to see."""

import asyncio
import json

import pytest
import yaml
from tests.fakes import looks
from tests.fakes.person import Person, a_person
from tests.fakes.small_api import Anonymous

from lockgate.cli.door import Door
from lockgate.cli.failing import Exit
from lockgate.kube.kubeconfig import Login


async def test_five_hundred_deployments_are_one_request_and_more_come_in_chunks():
    async with a_person() as person:
        for number in range(500):
            person.api.put("modeldeployments", looks.serving(f"m{number:04}"))
        assert await person.types("get") is Exit.DONE
        assert person.api.asked("GET", "modeldeployments") == [{"limit": "500"}]
        assert len(person.said.splitlines()) == 501
        person.api.put("modeldeployments", looks.serving("one-more"))
        person.api.requests.clear()
        assert await person.types("get") is Exit.DONE
        assert [query.get("continue") for query in person.api.asked("GET", "modeldeployments")] == [
            None,
            "500",
        ]
        assert len(person.said.splitlines()) == 502


async def test_all_namespaces_are_shown_with_their_names():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.serving())
        person.api.put("modeldeployments", looks.serving("fraud", namespace="risk"))
        await person.types("get", "-A")
        assert [row.split()[:2] for row in person.said.splitlines()] == [
            ["NAMESPACE", "NAME"],
            ["growth", "churn"],
            ["risk", "fraud"],
        ]
        await person.types("get", "-A", "--no-headers", "-o", "wide")
        assert [row.split()[0] for row in person.said.splitlines()] == ["growth", "risk"]


async def test_documents_are_what_the_api_server_holds_without_its_bookkeeping():
    async with a_person() as person:
        obj = looks.serving()
        obj["metadata"]["managedFields"] = [{"manager": "kubectl"}]
        held = person.api.put("modeldeployments", obj)
        person.api.put("modeldeployments", looks.serving("fraud"))
        await person.types("get", "churn", "-o", "json")
        shown = json.loads(person.said)
        assert shown == held | {
            "metadata": {k: v for k, v in held["metadata"].items() if k != "managedFields"}
        }
        await person.types("get", "churn", "-o", "json", "--show-managed-fields")
        assert json.loads(person.said)["metadata"]["managedFields"] == [{"manager": "kubectl"}]
        await person.types("get", "-o", "yaml")
        every = yaml.safe_load(person.said)
        assert (every["kind"], [one["metadata"]["name"] for one in every["items"]]) == (
            "List",
            ["churn", "fraud"],
        )
        await person.types("get", "churn", "fraud", "-o", "name")
        assert person.said == "modeldeployment.lockgate.dev/churn\nmodeldeployment.lockgate.dev/fraud\n"


async def test_history_and_plan_are_documents_as_well():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.canary())
        await person.types("history", "churn", "-o", "json")
        assert [entry["outcome"] for entry in json.loads(person.said)] == [
            "Promoted",
            "Aborted",
            "Superseded",
            "Promoted",
        ]
        await person.types("plan", "churn", "-o", "yaml")
        plan = yaml.safe_load(person.said)
        assert (plan["serving"], plan["next"], plan["presentStep"]) == ("v12", "v13", 1)
        assert plan["steps"][0]["gates"][0]["name"] == "available"


async def test_a_name_that_leads_nowhere_is_answered_with_what_there_is():
    async with a_person() as person:
        assert await person.types("get", "churn", "-n", "nowhere") is Exit.REFUSED
        assert person.error == "there is no namespace nowhere; choose another one with -n"
        person.api.put("modeldeployments", looks.serving())
        person.api.put("modeldeployments", looks.serving("fraud"))
        assert await person.types("history", "chrun") is Exit.REFUSED
        assert person.error == "there is no ModelDeployment chrun in namespace growth; did you mean churn?"
        assert await person.types("plan", "zzz") is Exit.REFUSED
        assert person.error.endswith("namespace growth; there are churn and fraud")


async def test_an_empty_namespace_is_no_error(capsys: pytest.CaptureFixture[str]):
    async with a_person() as person:
        assert await person.types("get", "-A") is Exit.DONE
        assert capsys.readouterr().err == "No ModelDeployments found in any namespace.\n"


def no_right(verb: str, kind: str = "modeldeployments") -> looks.Json:
    return {"message": f'{kind} is forbidden: User "jane" cannot {verb} resource "{kind}" in API group'}


POLICY = 'ValidatingAdmissionPolicy "calm" denied request: no changes on Fridays'
LIST, PATCH = ("GET", "modeldeployments"), ("PATCH", "modeldeployments")


@pytest.mark.parametrize(
    ("words", "refused", "answer", "code", "told"),
    [
        pytest.param(
            "get",
            LIST,
            (403, no_right("list")),
            Exit.REFUSED,
            """jane may not list modeldeployments.lockgate.dev in namespace growth; ask for a RoleBinding
            there to the ClusterRole lockgate-viewer of Lockgate's chart, or to another one with the verb list
            on modeldeployments.lockgate.dev""",
            id="no right to list",
        ),
        pytest.param(
            "get -A",
            LIST,
            (403, no_right("list")),
            Exit.REFUSED,
            """jane may not list modeldeployments.lockgate.dev in all namespaces; name one with -n, or ask for
            a ClusterRoleBinding to the role lockgate-viewer of Lockgate's chart""",
            id="no right to list everywhere",
        ),
        pytest.param(
            "pause churn",
            PATCH,
            (403, no_right("patch")),
            Exit.REFUSED,
            """jane may not patch modeldeployments.lockgate.dev in namespace growth; ask for a RoleBinding
            there to the ClusterRole lockgate-releaser of Lockgate's chart, or to another one with the verb
            patch on modeldeployments.lockgate.dev""",
            id="no right to patch",
        ),
        pytest.param(
            "pause churn",
            PATCH,
            (403, {"message": POLICY}),
            Exit.REFUSED,
            f"could not change churn: it is forbidden: {POLICY}",
            id="a policy",
        ),
        pytest.param(
            "get",
            LIST,
            (404, {"details": {}}),
            Exit.REFUSED,
            """this cluster knows no ModelDeployments; install Lockgate's chart (its CRDs are in crds/), or
            choose another cluster with --context""",
            id="no CRD",
        ),
        pytest.param(
            "get",
            LIST,
            (401, {"message": "Unauthorized"}),
            Exit.REFUSED,
            """could not list modeldeployments: the API server does not know who you are; log in again, or
            choose another context with --context""",
            id="no login",
        ),
        pytest.param(
            "get",
            LIST,
            (503, {"message": "etcd is away"}),
            Exit.UNANSWERED,
            "could not list modeldeployments: etcd is away; try again in a moment",
            id="overloaded",
        ),
        pytest.param(
            "pin churn latest --reason x",
            PATCH,
            (422, {"message": "spec.pin.version: Invalid value"}),
            Exit.REFUSED,
            "could not change churn: the API server refuses it: spec.pin.version: Invalid value",
            id="invalid",
        ),
        pytest.param(
            "get",
            LIST,
            (200, {"kind": "Welcome"}),
            Exit.UNANSWERED,
            "could not list modeldeployments: what answered is not the Kubernetes API",
            id="no API",
        ),
    ],
)
async def test_a_refusal_is_one_sentence_that_names_the_fix(
    words: str, refused: tuple[str, str], answer: tuple[int, looks.Json], code: Exit, told: str
):
    async with a_person() as person:
        person.api.put("modeldeployments", looks.serving())
        person.api.refused[refused] = answer
        assert await person.types(*words.split()) is code
        assert person.error == " ".join(told.split())


async def test_an_api_server_that_is_away_is_named():
    async with a_person() as person:
        await person.door.close()
        person.door = Door(Login(credentials=Anonymous("http://127.0.0.1:1"), namespace="growth"))
        assert await person.types("get") is Exit.UNANSWERED
        assert "the API server http://127.0.0.1:1 cannot be reached" in person.error
        assert person.error.endswith("is it the right context?")
        await person.door.close()


async def reads(person: Person, *words: str, until: str, then: object = None) -> str:
    """What a watch says up to a text; `then` is done once it has said something."""
    task = asyncio.create_task(person.types(*words))
    try:
        async with asyncio.timeout(20):
            while not person.output.getvalue():
                await asyncio.sleep(0.01)
            if callable(then):
                then()
            while until not in person.output.getvalue():
                assert not task.done(), person.error
                await asyncio.sleep(0.01)
        return person.output.getvalue()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_watch_in_a_pipe_tells_each_change_in_a_line():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.serving())
        person.api.put("pods", looks.ready_pod("churn-1", "v12"))
        person.api.put("pods", looks.ready_pod("churn-3", "v12"))
        person.api.put("pods", {"metadata": {"name": "of-nobody", "namespace": "growth"}})

        def happens() -> None:
            person.api.put("modeldeployments", looks.canary())
            person.api.put("pods", looks.downloading_pod("churn-2", "v13"))
            person.api.delete("pods", "churn-1")

        said = await reads(person, "watch", "churn", until="is gone", then=happens)
        lines = [row.split("Z  ", 1)[1] for row in said.splitlines()]
        why = "v13 is being rolled out over v12: step 2 of 4 waits until its pods are available"
        assert sorted(lines) == sorted(
            [
                "growth/churn Serving serves v12: v12 is rolled out",
                "growth/churn pod churn-1 v12 ready",
                "growth/churn pod churn-3 v12 ready",
                "growth/churn RollingOut serves v12, rolls out v13 (10 % of the traffic), step 2/4: " + why,
                "growth/churn pod churn-2 v13 downloading",
                "growth/churn pod churn-1 v12 is gone",
            ]
        )


async def test_a_watch_for_programs_is_an_object_a_line():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.serving())

        def happens() -> None:
            person.api.put("modeldeployments", looks.canary())
            person.api.put("modeldeployments", looks.serving("fraud"))

        said = await reads(person, "watch", "-o", "json", until='"fraud"', then=happens)
        events = list(map(json.loads, said.splitlines()))
        assert events[0]["type"] == "ADDED"
        assert {(one["type"], one["object"]["metadata"]["name"]) for one in events} == {
            ("ADDED", "churn"),
            ("MODIFIED", "churn"),
            ("ADDED", "fraud"),
        }
        assert all(one["object"]["kind"] == "ModelDeployment" for one in events)


async def test_a_watch_of_a_name_that_leads_nowhere_ends():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.serving())
        assert await person.types("watch", "chrun") is Exit.REFUSED
        assert person.error.endswith("did you mean churn?")


async def test_who_may_not_see_pods_sees_the_rest_and_what_is_missing():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.canary())
        for kind in ("pods", "deployments"):
            person.api.refused["GET", kind] = (
                403,
                {"message": f'{kind} is forbidden: User "jane" cannot list resource "{kind}"'},
            )
        assert await person.types("watch", "churn", "--once") is Exit.DONE
        assert "candidate  v13  3fa9c1d2" in person.said
        assert "its pods are not shown" in person.said
        assert "not all is shown: jane may not list" in person.said


async def test_a_look_at_all_shows_those_that_move_as_trees_and_the_others_in_a_line():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.serving("at-rest"))
        person.api.put("modeldeployments", looks.canary())
        person.api.put("pods", looks.loading_pod("churn-2", "v13"))
        person.api.put("deployments", looks.workload("churn", 3))
        assert await person.types("watch", "--once") is Exit.DONE
        rows = person.said.splitlines()
        assert rows[0].startswith("growth/churn  RollingOut")
        assert rows[-1] == "growth/at-rest  Serving  model/at-rest:production → v12  0 of 0 ready"
        assert any("churn-2  loading" in row for row in rows)


async def test_a_tree_shows_the_variants_that_share_the_traffic_with_what_each_gets():
    async with a_person() as person:
        obj = looks.serving()
        obj["status"]["traffic"] = [{"track": "stable", "version": "v12", "weight": 80}]
        obj["status"]["variants"] = [
            {"name": "churn-b", "version": "v13", "weight": 20},
            {"name": "churn-c", "weight": 0},
        ]
        person.api.put("modeldeployments", obj)
        await person.types("watch", "churn", "--once")
        rows = [row.split() for row in person.said.splitlines()]
        assert [row for row in rows if "variant" in row] == [
            ["├─", "variant", "v13", "churn-b", "████░░░░░░░░░░░░░░░░", "20", "%"],
            ["└─", "variant", "-", "churn-c", "░░░░░░░░░░░░░░░░░░░░", "0", "%"],
        ]
