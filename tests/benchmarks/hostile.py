"""What an author of ModelDeployments can do to the others: each kind, and what its status must tell.

A kind says what the resource asks for, what is put in its way beforehand, and what a script does to
it without end. Three namespaces belong to the same people: in one a quota refuses every child, and
in one every write hangs, as behind an admission webhook that is away.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from tests.benchmarks.traps import LOOK_UP_HANGS, MANIFEST
from tests.contract.widest import WIDE, widest
from tests.integration.site import GROUP, ROOT

from lockgate_sandbox.api import Json

UNAVAILABLE = frozenset({"RegistryUnavailable", "WaitingForRegistry"})
FINE = frozenset({"NotDeployed", "RolledOut", "RollingOut"})
COLLECTION = "hostile"
Request = tuple[str, str, Any]
"""Method, path, body: a merge patch if the method is PATCH."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One hostile ModelDeployment."""

    kind: "Kind"
    namespace: str
    name: str
    number: int

    @property
    def collection(self) -> str:
        """The registry's collection that it follows."""
        return f"{self.kind.collection}-{self.number}" if self.kind.collection else COLLECTION

    @property
    def path(self) -> str:
        """Its own path."""
        return f"{GROUP}/namespaces/{self.namespace}/modeldeployments/{self.name}"

    @property
    def child(self) -> str:
        """The path of its Deployment."""
        return f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{self.name}"

    def body(self) -> Json:
        """What is created."""
        spec: dict[str, Any] = {
            "model": {"registry": "model", "collection": self.collection, "alias": "production"},
            "runtime": {"name": "onnx"},
            "replicas": 0,
        }
        return {
            "apiVersion": "lockgate.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": self.name},
            "spec": spec | self.kind.spec(spec),
        }


def _nothing(_: Resource) -> Iterator[Request]:
    yield from ()


@dataclass(frozen=True, slots=True)
class Kind:
    """`tells`: reasons one of which its status must give in the end, if any. `place`: which namespace.

    `before` is done before the resource is created, `after` once its Deployment is there, and
    `script` again and again, `rate` requests a second for each resource.
    """

    name: str
    tells: frozenset[str]
    collection: str = ""
    spec: Callable[[Json], Json] = lambda _: {}
    place: str = ""
    before: Callable[[Resource], Iterator[Request]] = _nothing
    after: Callable[[Resource], Iterator[Request]] = _nothing
    script: Callable[[Resource], Iterator[Request]] = field(default=_nothing)
    rate: float = 0.0


def _edits(one: Resource) -> Iterator[Request]:
    for turn in range(10**9):
        spec: Json = {"resources": {"requests": {"cpu": f"{100 + turn % 400}m"}}}
        if one.number % 2:
            spec["model"] = {"alias": f"alias-{turn}"}
        yield "PATCH", one.path, {"spec": spec}


def _labels_off(one: Resource) -> Iterator[Request]:
    while True:
        yield "PATCH", one.child, {"metadata": {"labels": None}}


def _rubbish(one: Resource) -> Iterator[Request]:
    crd = yaml.safe_load((ROOT / "crds" / "modeldeployments.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    while True:
        yield "PATCH", f"{one.path}/status", {"status": widest(schema)}


def _foreign(one: Resource) -> Iterator[Request]:
    yield "POST", one.child.rsplit("/", 1)[0], deployment(one.name)


def _held(one: Resource) -> Iterator[Request]:
    yield "PATCH", one.child, {"metadata": {"finalizers": ["example.com/held"]}}
    yield "DELETE", one.child, None


def deployment(name: str) -> Json:
    """A Deployment that nobody controls."""
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "one", "image": "example.com/none"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
    }


def _model(**fields: str) -> Callable[[Json], Json]:
    return lambda spec: {"model": spec["model"] | fields}


def _manifest(trap: str, *reasons: str) -> Kind:
    tells = frozenset(reasons) or UNAVAILABLE
    return Kind(f"manifest-{trap}", tells, collection=f"{MANIFEST}{trap}")


_TOO_MUCH = {"requests": {"cpu": "9999999999999P"}, "limits": {"cpu": "1n", "a/b/c": "1"}}
KINDS = (
    Kind("look-up-hangs", UNAVAILABLE, collection=LOOK_UP_HANGS),
    _manifest("hangs"),
    _manifest("drips"),
    _manifest("huge", "ArtifactRejected"),
    _manifest("bomb", "ArtifactRejected"),
    _manifest("html"),
    _manifest("nowhere"),
    _manifest("ring"),
    Kind("absurd-alias", frozenset({"AliasNotFound"}), spec=_model(alias=WIDE * 128)),
    Kind(
        "absurd-pin",
        frozenset({"VersionNotFound"}),
        spec=lambda _: {"pin": {"version": "v" + "9" * 18, "reason": WIDE * 500}},
    ),
    Kind("absurd-runtime", frozenset({"RuntimeNotFound"}), spec=lambda _: {"runtime": {"name": "r" * 253}}),
    Kind("absurd-size", frozenset({"InvalidSpec", "Refused"}), spec=lambda _: {"resources": _TOO_MUCH}),
    Kind("rubbish-status", FINE, script=_rubbish, rate=0.2),
    Kind("name-taken", frozenset({"NotOwned"}), before=_foreign),
    Kind("edited-in-a-loop", FINE | {"AliasNotFound"}, script=_edits, rate=20),
    Kind("labels-taken-off", FINE | {"Contested"}, script=_labels_off, rate=5),
    Kind("held-by-finalizer", frozenset({"WaitingForDeletion"}), after=_held),
    Kind("refused-by-policy", frozenset({"Refused", "Forbidden"})),
    Kind("no-quota", frozenset({"Forbidden"}), place="-quota"),
    # So are the writes of their statuses: what these say is shown, and not judged.
    Kind("writes-hang", frozenset(), place="-hanging"),
)
PLACES = ("", "-quota", "-hanging")


def resources(kinds: tuple[Kind, ...], number: int, namespace: str) -> list[Resource]:
    """So many resources, the kinds in turn."""
    chosen = [kinds[n % len(kinds)] for n in range(number)]
    return [Resource(k, namespace + k.place, f"{k.name}-{n}", n) for n, k in enumerate(chosen)]


def rules(namespace: str) -> Iterator[Request]:
    """What an admin of these namespaces has set up: a quota of nothing, and a policy."""
    quota = {
        "metadata": {"name": "nothing"},
        "spec": {"hard": {"count/deployments.apps": "0", "services": "0"}},
    }
    yield "POST", f"/api/v1/namespaces/{namespace}-quota/resourcequotas", quota
    root, name = "/apis/admissionregistration.k8s.io/v1", f"{namespace}-refuses"
    rule = {
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["deployments"],
    }
    ours = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    policy = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "!object.metadata.name.startsWith('refused-by-policy')"}],
    }
    yield "POST", f"{root}/validatingadmissionpolicies", {"metadata": {"name": name}, "spec": policy}
    binding = {"policyName": name, "validationActions": ["Deny"], "matchResources": ours}
    yield "POST", f"{root}/validatingadmissionpolicybindings", {"metadata": {"name": name}, "spec": binding}
