"""Which cluster, namespace and person a kubeconfig means, as kubectl reads it; what is told of a bad one."""

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from lockgate.kube import kubeconfig
from lockgate.kube.kubeconfig import Login, NoLogin, contexts, log_in
from lockgate_sandbox.pki import Authority


def entry(name: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, kind: fields}


def written(path: Path, **more: Any) -> str:
    """A kubeconfig with two contexts."""
    authority = base64.b64encode(Authority.create().pair.certificate).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "prod",
        "clusters": [
            entry(
                "east",
                "cluster",
                server="https://east.example:6443/",
                **{"certificate-authority-data": authority, "tls-server-name": "kubernetes"},
            ),
            entry(
                "west", "cluster", server="https://west.example", **{"proxy-url": "http://proxy.example:3128"}
            ),
        ],
        "users": [
            entry("jane", "user", token="of-jane"),
            entry("acting", "user", token="of-joe", **{"as": "boss", "as-groups": ["a", "b"]}),
        ],
        "contexts": [
            entry("prod", "context", cluster="east", user="jane", namespace="growth"),
            entry("test", "context", cluster="west", user="acting"),
        ],
    }
    path.write_text(json.dumps(config | more))
    return str(path)


def test_the_current_context_says_cluster_namespace_and_user(tmp_path: Path):
    login = log_in(written(tmp_path / "config"), None)
    assert login.credentials.server == "https://east.example:6443"
    assert login.credentials.headers() == {"Authorization": "Bearer of-jane"}
    assert (login.namespace, login.user, login.context) == ("growth", "jane", "prod")
    assert (login.server_name, login.proxy, login.headers) == ("kubernetes", None, ())


def test_another_context_can_be_chosen_with_its_proxy_and_whom_it_acts_for(tmp_path: Path):
    login = log_in(written(tmp_path / "config"), "test")
    assert (login.namespace, login.proxy) == ("default", "http://proxy.example:3128")
    assert login.headers == (
        ("Impersonate-User", "boss"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
    )


def test_the_variable_may_name_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first, second = tmp_path / "first", tmp_path / "second"
    written(first, **{"contexts": [], "current-context": "more"})
    written(second, contexts=[entry("more", "context", cluster="east", user="jane", namespace="risk")])
    monkeypatch.setenv("KUBECONFIG", f"{first}:{second}:{tmp_path / 'none'}")
    assert log_in(None, "more").namespace == "risk"
    assert contexts(None) == ["more"]


@pytest.mark.parametrize(
    ("content", "context", "told"),
    [
        (
            None,
            None,
            "there is no kubeconfig at {path}; name one with --kubeconfig, or in the variable KUBECONFIG",
        ),
        ({}, "stage", "there is no context stage in {path}; it has prod and test"),
        (
            {"current-context": ""},
            None,
            "the kubeconfig {path} names no current context; choose one with --context",
        ),
        ({"contexts": [{"no": "name"}]}, None, "the kubeconfig {path} cannot be used: 'name'"),
        ("- [", None, "the kubeconfig {path} cannot be used"),
        ("", None, "the kubeconfig {path} cannot be used"),
    ],
)
def test_a_kubeconfig_that_leads_nowhere_is_told_in_one_sentence(
    tmp_path: Path, content: Any, context: str | None, told: str
):
    path = tmp_path / "config"
    if isinstance(content, str):
        path.write_text(content)
    elif content is not None:
        written(path, **content)
    with pytest.raises(NoLogin) as raised:
        log_in(str(path), context)
    assert str(raised.value).startswith(told.format(path=path))
    assert str(raised.value).isprintable()


def test_a_login_plugin_that_fails_is_told_in_its_own_words(tmp_path: Path):
    plugin = tmp_path / "plugin"
    plugin.write_text("#!/bin/sh\necho session expired >&2\nexit 1\n")
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    execs = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": str(plugin),
        "interactiveMode": "Never",
    }
    path = written(tmp_path / "config", users=[entry("jane", "user", exec=execs)])
    with pytest.raises(NoLogin, match=r"the login plug-in of context prod failed: .*session expired"):
        log_in(path, None)


def test_a_login_plugin_gives_the_token(tmp_path: Path):
    plugin = tmp_path / "plugin"
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "fresh"},
    }
    plugin.write_text(f"#!/bin/sh\ncat <<'E'\n{json.dumps(credential)}\nE\n")
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    execs = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": str(plugin),
        "interactiveMode": "Never",
    }
    login = log_in(written(tmp_path / "config", users=[entry("jane", "user", exec=execs)]), None)
    assert login.credentials.headers() == {"Authorization": "Bearer fresh"}


def test_in_a_pod_without_a_kubeconfig_it_is_the_pods_own_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    namespace = tmp_path / "namespace"
    namespace.write_text("ops\n")
    monkeypatch.setattr(kubeconfig, "_IN_POD", namespace)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(kubeconfig.config, "load_incluster_config", lambda client_configuration: None)
    login = log_in(None, None)
    assert isinstance(login, Login)
    assert (login.namespace, login.context) == ("ops", None)
    with pytest.raises(NoLogin, match="there is no kubeconfig"):
        log_in(None, "prod")
