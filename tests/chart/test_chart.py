"""What the chart renders, asked of helm itself: least rights, a restricted pod, checked values."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from tests.chart.rendering import (
    CHART,
    EVERYTHING,
    SMALLEST,
    environment,
    granted,
    only,
    pod_of,
    render,
    rights,
    run,
)

from lockgate.settings import Settings

pytestmark = pytest.mark.integration

RUNTIMES = granted("lockgate.dev", "modelruntimes", "list", "watch")
NAMESPACED = (
    granted("lockgate.dev", "modeldeployments", "list", "watch")
    | granted("lockgate.dev", "modeldeployments/status", "patch")
    | granted("apps", "deployments", "get", "list", "watch", "create", "patch", "delete")
    | granted("apps", "replicasets", "get")
    | granted("apps", "controllerrevisions", "get", "create", "delete")
    | granted("", "services", "get", "list", "watch", "create", "patch", "delete")
    | granted("", "pods", "list", "watch")
    | granted("events.k8s.io", "events", "create")
)
ROUTES = granted(
    "gateway.networking.k8s.io", "httproutes", "get", "list", "watch", "create", "patch", "delete"
) | granted("lockgate.dev", "modeldeployments", "create", "patch", "delete")
_ALL = ("get", "list", "watch", "create", "patch", "delete")
BACKENDS = (
    granted("serving.kserve.io", "inferenceservices", *_ALL)
    | granted("ray.io", "rayservices", *_ALL)
    | granted("ray.io", "rayclusters", "get")
)


@pytest.mark.parametrize("values", [SMALLEST, EVERYTHING], ids=lambda path: path.stem)
def test_the_chart_passes_a_strict_lint(helm: Path, values: Path) -> None:
    done = run(helm, "lint", "--strict", CHART, "--values", values)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_operator_has_exactly_the_rights_it_uses(helm: Path) -> None:
    objects = render(helm, SMALLEST)
    assert rights(only(objects, "ClusterRole", "ops:r-lockgate")["rules"]) == RUNTIMES | NAMESPACED
    assert not [found for found in objects if found["kind"] == "Role"]


def test_watched_namespaces_take_their_rights_out_of_the_cluster_role(helm: Path) -> None:
    objects = render(helm, EVERYTHING)
    assert rights(only(objects, "ClusterRole")["rules"]) == RUNTIMES
    roles = {
        found["metadata"]["namespace"]: rights(found["rules"]) for found in objects if found["kind"] == "Role"
    }
    everything = NAMESPACED | ROUTES | BACKENDS
    assert roles == {"growth": everything, "risk": everything}


@pytest.mark.parametrize("values", [SMALLEST, EVERYTHING], ids=lambda path: path.stem)
def test_every_binding_gives_an_existing_role_to_the_operators_account(helm: Path, values: Path) -> None:
    objects = render(helm, values)
    names = {
        (found["kind"], found["metadata"].get("namespace"), found["metadata"]["name"]) for found in objects
    }
    account = only(objects, "ServiceAccount")["metadata"]
    bindings = [found for found in objects if found["kind"].endswith("RoleBinding")]
    assert bindings
    for binding in bindings:
        role = binding["roleRef"]
        assert (role["kind"], binding["metadata"].get("namespace"), role["name"]) in names
        assert [(s["kind"], s["namespace"], s["name"]) for s in binding["subjects"]] == [
            ("ServiceAccount", account["namespace"], account["name"])
        ]


@pytest.mark.parametrize("values", [SMALLEST, EVERYTHING], ids=lambda path: path.stem)
def test_the_pod_satisfies_the_restricted_security_standard(helm: Path, values: Path) -> None:
    pod = only(render(helm, values), "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert all(
        set(volume) - {"name"} <= {"emptyDir", "secret", "configMap", "projected"}
        for volume in pod["volumes"]
    )
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not any("hostPort" in port for port in container["ports"])


def test_there_is_never_more_than_one_operator(helm: Path) -> None:
    spec = only(render(helm, SMALLEST), "Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


@pytest.mark.parametrize("values", [SMALLEST, EVERYTHING], ids=lambda path: path.stem)
def test_every_variable_is_one_that_the_operator_reads(helm: Path, values: Path) -> None:
    known = {f"LOCKGATE_{field.name.upper()}" for field in fields(Settings)}
    given = {name for name in environment(render(helm, values)) if name.startswith("LOCKGATE_")}
    assert given - known <= {"LOCKGATE_POD_NAMESPACE"}


def test_values_arrive_as_the_operators_settings(helm: Path) -> None:
    settings = Settings.from_environment(environment(render(helm, EVERYTHING)))
    assert settings.registry_base_url == "https://wandb.example.com/"
    assert settings.registry_organization == "acme"
    assert settings.registry_allow_http is True
    assert settings.registry_timeout_seconds == 2.5
    assert settings.fetch_max_bytes == 2**40
    assert settings.watch_namespaces == ("growth", "risk")
    assert settings.fetch_image == "registry.example.com/fetch:1"
    assert (settings.model_secret_name, settings.model_secret_key) == ("wandb-models", "token")
    assert (settings.workers, settings.log_level, settings.log_format) == (4, "DEBUG", "console")
    assert (settings.fetch_max_files, settings.kubernetes_requests_per_second) == (500, 50)
    assert settings.http_host == "::"
    assert (settings.model_ca_config_map, settings.model_ca_key) == ("corporate-ca", "bundle.pem")
    assert settings.model_image_pull_secrets == ("pull-models", "pull-more")
    assert settings.model_storage_requests is False
    assert (settings.model_cache_claim, settings.model_cache_max_bytes) == ("models", 2**40)
    assert settings.model_cache_fs_group == 20002
    assert settings.prometheus_url == "http://prometheus.monitoring.svc:9090/prefix"
    assert (settings.prometheus_allow_http, settings.prometheus_timeout_seconds) == (True, 2.5)
    assert settings.prometheus_author_promql is True
    assert dict(settings.proxy) == {
        "HTTPS_PROXY": "http://proxy.example.com:3128",
        "HTTP_PROXY": "http://proxy.example.com:3129",
        "NO_PROXY": ".example.com,10.0.0.0/8",
    }


def test_the_charts_defaults_are_the_operators_own(helm: Path) -> None:
    given = environment(render(helm, SMALLEST))
    bare = Settings.from_environment(
        {name: given[name] for name in ("LOCKGATE_REGISTRY_BASE_URL", "LOCKGATE_FETCH_IMAGE")}
    )
    settings = Settings.from_environment(given)
    differing = {
        field.name for field in fields(Settings) if getattr(settings, field.name) != getattr(bare, field.name)
    }
    assert differing == {"registry_api_key_file"}


def test_the_group_of_the_cache_can_be_left_to_the_cluster(helm: Path) -> None:
    given = render(helm, SMALLEST, "modelPods.cache.claimName=models")
    assert Settings.from_environment(environment(given)).model_cache_fs_group == 10001
    left = render(helm, SMALLEST, "modelPods.cache.claimName=models", "modelPods.cache.fsGroup=0")
    assert Settings.from_environment(environment(left)).model_cache_fs_group is None


def test_pods_fetch_with_the_operators_image_unless_told_otherwise(helm: Path) -> None:
    objects = render(helm, SMALLEST, "image.tag=v7")
    (container,) = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.com/lockgate:v7"
    assert environment(objects)["LOCKGATE_FETCH_IMAGE"] == container["image"]


def test_a_digest_wins_over_a_tag(helm: Path) -> None:
    digest = "sha256:" + "0" * 64
    objects = render(helm, SMALLEST, "image.tag=v7", f"image.digest={digest}")
    (container,) = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"registry.example.com/lockgate@{digest}"


def test_the_api_key_is_mounted_from_the_named_entry_and_readable_by_the_operator_alone(helm: Path) -> None:
    objects = render(helm, EVERYTHING)
    pod = only(objects, "Deployment")["spec"]["template"]["spec"]
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "api-key"]
    (mount,) = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == volume["name"]]
    assert volume["secret"] == {
        "secretName": "wandb",
        "defaultMode": 0o400,
        "items": [{"key": "token", "path": "api-key"}],
    }
    assert environment(objects)["LOCKGATE_REGISTRY_API_KEY_FILE"] == f"{mount['mountPath']}/api-key"
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsUser"] == 10001


def test_what_prometheus_is_asked_with_is_mounted_where_the_operator_looks(helm: Path) -> None:
    objects = render(helm, EVERYTHING)
    pod, settings = pod_of(objects), Settings.from_environment(environment(objects))
    places = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    token, authorities = (
        next(volume for volume in pod["volumes"] if volume["name"] == name)
        for name in ("prometheus-token", "prometheus-ca")
    )
    assert str(settings.prometheus_token_file) == f"{places['prometheus-token']}/token"
    assert str(settings.prometheus_ca_bundle) == f"{places['prometheus-ca']}/ca.crt"
    assert token["secret"] == {
        "secretName": "metrics-reader",
        "optional": True,
        "defaultMode": 0o400,
        "items": [{"key": "bearer", "path": "token"}],
    }
    assert authorities["configMap"] == {
        "name": "metrics-ca",
        "items": [{"key": "bundle.pem", "path": "ca.crt"}],
    }


def test_without_a_prometheus_nothing_is_mounted_for_it(helm: Path) -> None:
    objects = render(helm, SMALLEST, "prometheus.tokenSecret.name=metrics-reader")
    assert "prometheus" not in str(pod_of(objects)["volumes"])
    assert not [name for name in environment(objects) if "PROMETHEUS" in name]


def test_the_metrics_service_finds_the_operator_and_can_be_left_out(helm: Path) -> None:
    objects = render(helm, EVERYTHING)
    service, template = only(objects, "Service"), only(objects, "Deployment")["spec"]["template"]
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    assert [(port["port"], port["targetPort"]) for port in service["spec"]["ports"]] == [(9090, "metrics")]
    without = render(helm, SMALLEST, "metrics.service.enabled=false")
    assert not [found for found in without if found["kind"] == "Service"]


def test_long_release_names_still_give_names_that_kubernetes_takes(helm: Path) -> None:
    objects = render(helm, SMALLEST, release="r" * 53)
    assert all(
        len(found["metadata"]["name"]) <= 63
        for found in objects
        if found["kind"] in ("Service", "Deployment")
    )


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("registry.baseUrl=ftp://example.com", "'/registry/baseUrl': 'ftp://example.com' does not match"),
        ("registry.baseURL=https://x", "additional properties 'baseURL' not allowed"),
        ("workers=0", "'/workers': minimum: got 0, want 1"),
        ("prometheus.url=http://me:secret@prometheus", "'/prometheus/url'"),
        ("prometheus.url=prometheus:9090", "'/prometheus/url'"),
        ("log.level=verbose", "'/log/level': value must be one of"),
        ("image.repository=example.com/lockgate:1", "'/image/repository'"),
        ("image.digest=latest", "'/image/digest'"),
        ("watchNamespaces[0]=Growth", "'/watchNamespaces/0'"),
        ("fetch.maxBytes=10Gi", "'/fetch/maxBytes'"),
        ("proxy.httpsProxy=http://user:word@proxy:3128", "'/proxy/httpsProxy'"),
        ("http.host=localhost", "'/http/host'"),
        ("networkPolicy.egress.ports[0]=0", "'/networkPolicy/egress/ports/0'"),
        ("modelPods.cache.claimName=Models", "'/modelPods/cache/claimName'"),
        ("modelPods.imagePullSecrets[0]=pull", "'/modelPods/imagePullSecrets/0'"),
    ],
)
def test_a_value_of_the_wrong_form_is_refused_by_name(helm: Path, pair: str, words: str) -> None:
    done = run(helm, "template", "r", CHART, "--values", SMALLEST, "--set", pair)
    assert done.returncode != 0
    assert words in done.stderr


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (("registry.baseUrl=http://wandb.example.com",), "registry.baseUrl begins with http://"),
        (
            ("registry.caBundle.configMap=a", "registry.caBundle.secret=b"),
            "names both a ConfigMap and a Secret",
        ),
    ],
)
def test_values_that_do_not_go_together_are_told_in_one_sentence(
    helm: Path, pairs: tuple[str, ...], words: str
) -> None:
    sets = [word for pair in pairs for word in ("--set", pair)]
    done = run(helm, "template", "r", CHART, "--values", SMALLEST, *sets)
    assert done.returncode != 0
    assert words in done.stderr


def test_a_missing_repository_is_told_in_one_sentence(helm: Path) -> None:
    done = run(helm, "template", "r", CHART)
    assert done.returncode != 0
    assert "image.repository is not set: name the repository" in done.stderr
