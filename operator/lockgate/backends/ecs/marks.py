"""How what is ours on ECS is called and marked, and what the marks say when they are read. Pure.

A service is ours if it carries the UID of the ModelDeployment: nothing else of that name is ever touched.
What a task definition was registered for is written into it, and a task definition never changes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lockgate.api.spec import Identity
from lockgate.api.status import Revision
from lockgate.backends.deployment.facts import revision_of
from lockgate.backends.deployment.marks import release_annotations, release_labels
from lockgate.names import GROUP, SERVER_CONTAINER

TAG_OWNER: Final = f"{GROUP}/model-deployment-uid"
TAG_RELEASE: Final = f"{GROUP}/release"
TAG_RELEASED: Final = f"{GROUP}/released"
LABEL_ATTEMPT: Final = f"{GROUP}/attempt"
LABEL_TREE: Final = f"{GROUP}/model-tree"
Tags = list[dict[str, str]]


def service_name(deployment: Identity) -> str:
    """Of no other ModelDeployment: a name of Kubernetes holds no underscore."""
    return f"{deployment.namespace}_{deployment.name}".replace(".", "_-")


def tags_of(deployment: Identity, release: Revision | None = None) -> Tags:
    """What makes it ours, and of which release it is."""
    known = {TAG_OWNER: deployment.uid}
    if release is not None and release.release:
        known[TAG_RELEASE] = release.release
    return [{"key": key, "value": value} for key, value in known.items()]


def tag_in(tags: Iterable[Mapping[str, str]] | None, key: str) -> str:
    """The value of a tag, empty where there is none."""
    return next((str(tag.get("value", "")) for tag in tags or () if tag.get("key") == key), "")


def labels_of(release: Revision, attempt: str) -> dict[str, str]:
    """What a task definition says of the release that it was registered for, and of which try of that."""
    known = release_annotations(release) | release_labels(release)
    return known | {
        name: text for name, text in ((LABEL_ATTEMPT, attempt), (LABEL_TREE, release.tree)) if text
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A task definition: of which release, of which try, and what an end of its fetch with 0 proves.

    `proves` is the tree that pods proved before, or the registry's claim; empty where it is neither.
    """

    arn: str
    revision: Revision | None = None
    attempt: str = ""
    proves: str = ""
    port: int | None = None
    is_ours: bool = False


def definition_of(answer: Mapping[str, Any], deployment: Identity) -> Definition:
    """A task definition as ECS describes it."""
    raw = answer["taskDefinition"]
    containers = raw.get("containerDefinitions") or ()
    server: Mapping[str, Any] = next((c for c in containers if c.get("name") == SERVER_CONTAINER), {})
    labels = server.get("dockerLabels") or {}
    ports: Sequence[Mapping[str, Any]] = server.get("portMappings") or ({},)
    revision = revision_of({"annotations": labels, "labels": labels})
    proves = labels.get(LABEL_TREE) or (revision.digest if revision and revision.digest else "")
    return Definition(
        arn=raw["taskDefinitionArn"],
        revision=revision,
        attempt=labels.get(LABEL_ATTEMPT, ""),
        proves=proves,
        port=ports[0].get("containerPort"),
        is_ours=tag_in(answer.get("tags"), TAG_OWNER) == deployment.uid,
    )
