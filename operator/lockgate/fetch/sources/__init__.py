"""Which kinds of registries can be fetched from: one module each, chosen by the scheme of a URI."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from lockgate.domain.fetched import FetchProblem, FetchReason
from lockgate.fetch.manifest import Entry
from lockgate.fetch.sources import wandb
from lockgate.sentences import listed, sentence


class Source(Protocol):
    """A kind of registry; its address and key come from these variables when no option gives them.

    Variables that begin with `PREFIX` speak to its client, and are kept from it.
    """

    PREFIX: str
    URL_VARIABLE: str
    KEY_VARIABLE: str

    def check(self, uri: str, claim: str | None) -> None:
        """Raises ValueError with a sentence when these do not name one version and its bytes."""

    def download(self, task: dict[str, Any]) -> list[Entry]:
        """Check what is promised, then bring it into the staging directory; raises FetchProblem."""

    def proves(self, claim: str, entries: Sequence[Entry]) -> bool:
        """Whether these entries, wherever they lay, can be nothing but what is claimed."""


SOURCES: Final[Mapping[str, Source]] = {"wandb": wandb}


def source_of(uri: str) -> Source:
    """The kind of registry that a version is in; raises FetchProblem when it is of none that is known."""
    scheme, separator, _ = uri.partition("://")
    if not separator or scheme not in SOURCES:
        raise FetchProblem(
            FetchReason.UNKNOWN_SOURCE,
            f"{sentence(uri, 200)} is in no kind of registry that this release can fetch from; "
            f"it knows {listed(f'{known}://' for known in SOURCES)}",
        )
    return SOURCES[scheme]
