"""Which version a rollback leads to: one that served before, by what the status remembers. Pure."""

import re
from collections.abc import Iterator

from lockgate.api.status import Revision
from lockgate.cli.failing import CliError
from lockgate.cli.seen import Ended, Seen
from lockgate.sentences import cause, listed

_RELEASE = re.compile("[0-9a-f]{8}")
_PROMOTED = "Promoted"


def way_back(one: Seen, named: str | None) -> tuple[str, str | None]:
    """The version to go back to, and the one to go back from; raises CliError, which says why not.

    `named` is a version or a release; None means the one that served before.
    """
    found = _previous(one) if named is None else _named(one, named)
    if found.model not in (None, one.model) or found.source != one.source:
        raise CliError(
            f"{found.version} was of {found.model} ({found.source}), and {one.name} now follows {one.model} "
            f"({one.source}); a pin names a version of the collection that is followed, so change spec.model"
        )
    if one.candidate is None and found.is_same_version(one.stable):
        raise CliError(
            f"{found.version} serves already; to keep it there: "
            f"kubectl lockgate pin {one.name} {found.version} --reason WHY"
        )
    origin = one.candidate or one.stable
    return found.version, origin.version if origin else None


def _previous(one: Seen) -> Revision:
    if one.candidate is not None and one.stable is not None:
        raise CliError(
            f"{one.candidate.version} is still being rolled out over {one.stable.version}; to go back to "
            f"that: kubectl lockgate abort {one.name}. Or name the version to go back to"
        )
    if one.previous is None:
        serving = one.stable.version if one.stable else "now"
        raise CliError(f"nothing is known that served before {serving}; name a version")
    return one.previous


def _named(one: Seen, named: str) -> Revision:
    found = next((revision for revision in _served(one) if _is_named(revision, named)), None)
    if found is None:
        raise CliError(_unknown(one, named))
    return found


def _served(one: Seen) -> Iterator[Revision]:
    yield from (revision for revision in (one.stable, one.previous) if revision is not None)
    yield from (ended.revision for ended in one.history if ended.outcome == _PROMOTED)


def _is_named(revision: Revision, named: str) -> bool:
    return named in (revision.version, revision.release)


def _unknown(one: Seen, named: str) -> str:
    tried: Ended | None = next((ended for ended in one.history if _is_named(ended.revision, named)), None)
    if tried is not None:
        version = tried.revision.version
        why = f": {cause(tried.message)}" if tried.message else ""
        return (
            f"{version} never served {one.name}, it was {tried.outcome.lower()}{why}. To roll it out all the "
            f"same: kubectl lockgate pin {one.name} {version} --reason WHY"
        )
    known = dict.fromkeys(revision.version for revision in _served(one))
    what = "release" if _RELEASE.fullmatch(named) else "version"
    has = f"it knows {listed(known, most=8)}" if known else "it knows none"
    return f"the history of {one.name} knows no {what} {cause(named)} that served; {has}"
