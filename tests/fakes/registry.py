"""A registry in memory behind the port `Registry`."""

from collections.abc import Mapping, Sequence

from lockgate.domain.ports import Lookup
from lockgate.domain.version import Contents, Reference, Version
from lockgate.errors import AliasNotFound, LockgateError

ONE_ONNX_FILE = Contents(files=1, size=1001, references=0, suffixes=frozenset({".onnx"}))


class FakeRegistry:
    """Aliases and versions that tests move; `down` makes every answer that error."""

    def __init__(self) -> None:
        self.answers: dict[str, Version] = {}
        self.contents: dict[str, Contents] = {}
        self.down: LockgateError | None = None
        self.look_ups: list[str] = []
        self.inspections: list[str] = []

    def point(self, alias: str, version: Version) -> None:
        """Let an alias (or a version's own name) mean a version."""
        self.answers[alias] = version

    def warm(self) -> None:
        pass

    def look_up(self, references: Sequence[Reference]) -> Mapping[Reference, Lookup]:
        self.look_ups += [str(reference) for reference in references]
        return {reference: self._answer(reference) for reference in references}

    def inspect(self, version: Version) -> Contents:
        self.inspections.append(version.uri)
        if self.down is not None:
            raise self.down
        return self.contents.get(version.number, ONE_ONNX_FILE)

    def close(self) -> None:
        pass

    def _answer(self, reference: Reference) -> Lookup:
        if self.down is not None:
            return self.down
        missing = AliasNotFound(f"{reference} has no such alias")
        return self.answers.get(str(reference.wanted), missing)
