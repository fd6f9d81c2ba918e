"""Who a person is to which cluster: the kubeconfig and the context that they mean, as kubectl reads them.

KUBECONFIG may name several files. Without any, in a pod, it is the pod's own account. The official
client library reads the files and runs login plug-ins; nothing else of it is used.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kubernetes import client, config
from kubernetes.config.kube_config import KubeConfigMerger

from lockgate.kube.credentials import Credentials
from lockgate.sentences import cause, listed

_IN_POD: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class NoLogin(Exception):
    """There is no cluster to talk to; the message is one sentence that says how to name one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A cluster, and what is known of the person before the cluster is asked.

    `namespace` and `user` are those of the context. `proxy` and `server_name` are the cluster's, where its
    entry has them; `headers` say whom the person acts for (the entry `as`).
    """

    credentials: Credentials
    namespace: str
    user: str | None = None
    context: str | None = None
    proxy: str | None = None
    server_name: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


def log_in(path: str | None, context: str | None) -> Login:
    """The cluster of that context, or of the current one; raises NoLogin."""
    named = path or os.environ.get("KUBECONFIG")
    places = named or "~/.kube/config"
    files = [Path(one).expanduser() for one in places.split(os.pathsep) if one]
    if not any(file.exists() for file in files):
        if named is None and context is None and _IN_POD.exists():
            return _of_the_pod()
        raise NoLogin(
            f"there is no kubeconfig at {cause(places)}; name one with --kubeconfig, or in the variable "
            "KUBECONFIG"
        )
    try:
        entries = _entries(KubeConfigMerger(places).config.value)
        return _of_a_person(places, entries, context)
    except NoLogin:
        raise
    except Exception as error:
        # The library checks little, and raises whatever it happens to meet in a file of another shape.
        raise NoLogin(f"the kubeconfig {cause(places)} cannot be used: {cause(error)}") from error


def contexts(path: str | None) -> list[str]:
    """The names of all contexts, for completion; none where nothing can be read."""
    places = path or os.environ.get("KUBECONFIG") or "~/.kube/config"
    try:
        return sorted(_entries(KubeConfigMerger(places).config.value)["contexts"])
    except Exception:
        # Whatever is wrong with the file, a word is being completed and nothing is to be said.
        return []


def _of_a_person(places: str, entries: dict[str, Any], context: str | None) -> Login:
    chosen = context or entries["current-context"]
    if not chosen:
        raise NoLogin(f"the kubeconfig {cause(places)} names no current context; choose one with --context")
    if chosen not in entries["contexts"]:
        known = listed(sorted(entries["contexts"]), most=5) or "none"
        raise NoLogin(f"there is no context {cause(chosen)} in {cause(places)}; it has {known}")
    found = entries["contexts"][chosen] or {}
    user = found.get("user")
    configuration = client.Configuration()
    with _words_of_plugins() as said:
        config.load_kube_config(places, chosen, client_configuration=configuration, persist_config=False)
    if said and not configuration.get_api_key_with_prefix("BearerToken", alias="authorization"):
        raise NoLogin(f"the login plug-in of context {cause(chosen)} failed: {cause(' '.join(said))}")
    return Login(
        credentials=Credentials(configuration),
        namespace=found.get("namespace") or "default",
        user=user,
        context=chosen,
        proxy=(entries["clusters"].get(found.get("cluster")) or {}).get("proxy-url"),
        server_name=configuration.tls_server_name,
        headers=_acts_for(entries["users"].get(user) or {}),
    )


def _of_the_pod() -> Login:
    configuration = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException as error:
        raise NoLogin(f"this pod's account cannot be used: {cause(error)}") from error
    namespace = _IN_POD.read_text().strip() or "default"
    return Login(credentials=Credentials(configuration), namespace=namespace)


def _entries(merged: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"current-context": merged.get("current-context")}
    for kind in ("contexts", "clusters", "users"):
        named = (getattr(entry, "value", entry) for entry in merged.get(kind) or ())
        found[kind] = {entry["name"]: entry.get(kind.removesuffix("s")) for entry in named}
    return found


def _acts_for(user: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Impersonation, which the library leaves out and kubectl does not."""
    if not user.get("as"):
        return ()
    extra = (user.get("as-user-extra") or {}).items()
    return (
        ("Impersonate-User", str(user["as"])),
        *(("Impersonate-Group", str(group)) for group in user.get("as-groups") or ()),
        *(("Impersonate-Uid", str(user["as-uid"])) for _ in range("as-uid" in user)),
        *((f"Impersonate-Extra-{name}", str(value)) for name, values in extra for value in values),
    )


@contextmanager
def _words_of_plugins() -> Iterator[list[str]]:
    """What the library logs while it logs in: it has no other way to tell that a plug-in failed."""
    said: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    collector, root = Collector(), logging.getLogger()
    root.addHandler(collector)
    try:
        yield said
    finally:
        root.removeHandler(collector)
