"""What the platform decides about every pod: authorities, proxy, pull secrets, a tmp for each container."""

from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.builders import PODS, SOURCE, T0, deployment, revision, runtime_object
from tests.fakes.drawn import drawn

from lockgate.api.parse import parse_model_runtime
from lockgate.backends.settings import PodSettings
from lockgate.domain.observed import Observed, Target
from lockgate.plan.planner import plan_rollout


def template(settings: PodSettings, **runtime: Any) -> dict[str, Any]:
    asked = deployment()
    plan = plan_rollout(asked, Target(revision=revision(1), pinned=False), Observed(), T0)
    rendered = drawn(asked, parse_model_runtime(runtime_object(**runtime)), plan, settings)[0]
    made: dict[str, Any] = rendered["spec"]["template"]
    return made


def pod(settings: PodSettings) -> dict[str, Any]:
    spec: dict[str, Any] = template(settings)["spec"]
    return spec


def mounts(container: dict[str, Any]) -> dict[str, str]:
    return {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}


def test_authorities_reach_the_fetch_as_a_file_and_not_the_server():
    spec = pod(
        replace(PODS, sources={"default": replace(SOURCE, ca_config_map="corporate-ca", ca_key="bundle.pem")})
    )
    (fetch,), (server,) = spec["initContainers"], spec["containers"]
    (volume,) = [volume for volume in spec["volumes"] if "configMap" in volume]
    # Optional: the fetch tells in a sentence that it is missing, where the kubelet would only wait.
    assert volume["configMap"] == {
        "name": "corporate-ca",
        "optional": True,
        "items": [{"key": "bundle.pem", "path": "ca.crt"}],
    }
    (place,) = [path for path, name in mounts(fetch).items() if name == volume["name"]]
    assert f"--ca-bundle={place}/ca.crt" in fetch["args"]
    assert volume["name"] not in mounts(server).values()


def test_without_authorities_of_its_own_a_pod_trusts_the_systems():
    spec = pod(PODS)
    assert not [argument for argument in spec["initContainers"][0]["args"] if "ca-bundle" in argument]
    assert not [volume for volume in spec["volumes"] if "configMap" in volume]


def test_a_proxy_is_for_the_fetch_alone():
    spec = pod(replace(PODS, proxy=(("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", ".svc"))))
    assert spec["initContainers"][0]["env"] == [
        {"name": "HTTPS_PROXY", "value": "http://proxy:3128"},
        {"name": "NO_PROXY", "value": ".svc"},
    ]
    assert not {"HTTPS_PROXY", "NO_PROXY"} & {entry["name"] for entry in spec["containers"][0]["env"]}


def test_the_fetch_leaves_the_server_nothing_but_the_model():
    spec = pod(PODS)
    fetch, server = mounts(spec["initContainers"][0]), mounts(spec["containers"][0])
    assert fetch["/tmp"] != server["/tmp"]
    assert set(fetch.values()) & set(server.values()) == {"model"}


def test_the_fetch_image_is_pulled_with_the_secrets_that_are_named():
    assert pod(replace(PODS, image_pull_secrets=("a", "b")))["imagePullSecrets"] == [
        {"name": "a"},
        {"name": "b"},
    ]
    assert "imagePullSecrets" not in pod(PODS)


def test_the_fetch_is_held_to_the_number_of_files():
    assert "--max-files=7" in pod(replace(PODS, fetch_max_files=7))["initContainers"][0]["args"]


def test_pods_ask_for_disk_only_where_nodes_report_theirs():
    asked = deployment()
    known = replace(revision(1), size=2**30)
    plan = plan_rollout(asked, Target(revision=known, pinned=False), Observed(), T0)

    def kinds_with_disk(settings: PodSettings) -> list[str]:
        rendered = drawn(asked, parse_model_runtime(runtime_object()), plan, settings)[0]
        resources = rendered["spec"]["template"]["spec"]["containers"][0]["resources"]
        return [kind for kind, amounts in resources.items() if "ephemeral-storage" in amounts]

    assert kinds_with_disk(PODS) == ["requests", "limits"]
    assert kinds_with_disk(replace(PODS, storage_requests=False)) == []


def test_a_cache_is_for_the_fetch_alone():
    spec = pod(replace(PODS, cache_claim="models", cache_max_bytes=5))
    (fetch,), (server,) = spec["initContainers"], spec["containers"]
    (volume,) = [volume for volume in spec["volumes"] if "persistentVolumeClaim" in volume]
    assert volume["persistentVolumeClaim"] == {"claimName": "models"}
    (place,) = [path for path, name in mounts(fetch).items() if name == volume["name"]]
    assert {f"--cache={place}", "--cache-max-bytes=5"} <= set(fetch["args"])
    assert volume["name"] not in mounts(server).values()


def test_pods_write_to_the_cache_with_the_group_that_was_named():
    def group(settings: PodSettings) -> tuple[Any, Any]:
        context = pod(settings)["securityContext"]
        return context.get("fsGroup"), context.get("fsGroupChangePolicy")

    assert group(replace(PODS, cache_claim="models", cache_fs_group=7)) == (7, "OnRootMismatch")
    assert group(replace(PODS, cache_claim="models")) == (None, None)
    assert group(replace(PODS, cache_fs_group=7)) == (None, None)


def test_without_a_claim_a_pod_is_what_it_was():
    assert pod(replace(PODS, cache_max_bytes=5, cache_fs_group=7)) == pod(PODS)


@pytest.mark.parametrize(
    ("metrics", "annotations", "ports"),
    [
        (None, {}, {"http": 8080}),
        ({"path": "/m"}, {"scrape": "true", "path": "/m", "port": "8080"}, {"http": 8080}),
        ({"path": "/m", "port": 8080}, {"scrape": "true", "path": "/m", "port": "8080"}, {"http": 8080}),
        (
            {"path": "/m", "port": 9100},
            {"scrape": "true", "path": "/m", "port": "9100"},
            {"http": 8080, "metrics": 9100},
        ),
    ],
)
def test_a_pod_says_where_its_metrics_are_if_its_server_has_any(metrics, annotations, ports):
    made = template(PODS, **({} if metrics is None else {"metrics": metrics}))
    told = made["metadata"]["annotations"]
    prefix = "prometheus.io/"
    assert {name.removeprefix(prefix): text for name, text in told.items() if prefix in name} == annotations
    (server,) = made["spec"]["containers"]
    assert {port["name"]: port["containerPort"] for port in server["ports"]} == ports
