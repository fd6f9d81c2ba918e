"""Manifests are read once, in the background, and nobody's hanging ones delay another's."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.fakes.builders import version
from tests.fakes.virtual_time import in_virtual_time, virtually

from lockgate.domain.resources import Key
from lockgate.domain.version import Contents, Version
from lockgate.errors import ArtifactRejected, RegistryUnavailable, Unanswered
from lockgate.resolve.inspections import AHEAD_SECONDS, AT_ONCE, AT_ONCE_PER_NAMESPACE, Inspections

CONTENTS = Contents(files=1, size=1, references=0, suffixes=frozenset({".onnx"}))
KEY = ("growth", "churn")


class Site:
    """Inspections over manifests that answer as each test says."""

    def __init__(self) -> None:
        self.reads: Counter[str] = Counter()
        self.answers: dict[str, Contents | Exception] = {}
        self.hanging = 0
        self.most_hanging = 0
        self.go = asyncio.Event()
        self.woken: list[Key] = []
        self.inspections = Inspections(self.read, self.woken.append)

    async def read(self, version: Version) -> Contents:
        self.reads[version.uri] += 1
        if "evil" in version.uri:
            self.hanging += 1
            self.most_hanging = max(self.hanging, self.most_hanging)
            await self.go.wait()
            self.hanging -= 1
        answer = self.answers.get(version.uri, CONTENTS)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def is_waited_for(self, version: Version, key: Key = KEY) -> bool:
        try:
            self.inspections.inspect(version, key)
        except Unanswered:
            return True
        return False


@pytest.fixture
async def site() -> Site:
    return Site()


async def test_all_who_follow_a_move_share_one_read_and_are_woken_by_it(site):
    keys = [("growth", str(number)) for number in range(1000)]
    assert all(site.is_waited_for(version(2), key) for key in keys)
    await until(lambda: len(site.woken) == 1000)
    assert all(site.inspections.inspect(version(2), key) == CONTENTS for key in keys)
    assert site.reads == {version(2).uri: 1}


async def test_all_who_follow_a_move_are_woken_once_it_can_be_looked_at_and_not_before(site):
    keys = [("growth", str(number)) for number in range(1000)]
    assert site.inspections.read_ahead(version(2), keys)
    assert site.woken == []
    await until(lambda: site.woken)
    assert site.woken == keys
    assert site.reads.total() == 1
    assert not site.inspections.read_ahead(version(2), keys), "it is known"


def test_a_manifest_that_is_read_ahead_and_hangs_is_told_of_after_a_while():
    async def scene() -> None:
        site, evil = Site(), replace(version(2), uri="evil/churn:v2")
        assert site.inspections.read_ahead(evil, [KEY])
        await asyncio.sleep(AHEAD_SECONDS - 0.1)
        assert site.woken == []
        await asyncio.sleep(0.2)
        assert site.woken == [KEY]
        assert site.is_waited_for(evil)
        site.go.set()
        await asyncio.sleep(0.1)
        assert site.woken == [KEY, KEY]

    in_virtual_time(scene())


async def test_a_namespace_whose_manifests_hang_delays_nobody_else(site):
    for number in range(48):
        assert site.is_waited_for(version(number, uri=f"evil/{number}"), ("evil", str(number)))
    assert site.is_waited_for(version(1))
    await until(lambda: site.woken == [KEY])
    assert site.inspections.inspect(version(1), KEY) == CONTENTS
    assert site.most_hanging <= AT_ONCE_PER_NAMESPACE
    site.go.set()
    await until(lambda: len(site.woken) == 49)


async def test_what_another_namespace_has_in_its_row_already_is_read_in_the_row_of_who_asks(site):
    for number in range(10):
        site.is_waited_for(version(number, uri=f"evil/{number}"), ("evil", str(number)))
    site.is_waited_for(version(1), ("evil", "last"))
    site.is_waited_for(version(1), KEY)
    await until(lambda: KEY in site.woken)
    site.go.set()
    await until(lambda: not site.hanging and len(site.woken) == 12)
    assert site.reads[version(1).uri] == 1


@virtually
async def test_however_many_manifests_some_namespaces_have_another_s_is_read_in_its_turn():
    async def slowly(version: Version) -> Contents:
        await asyncio.sleep(1)
        return CONTENTS

    inspections = Inspections(slowly, lambda key: None)

    def wants(namespace: str, number: int) -> None:
        with pytest.raises(Unanswered):
            inspections.inspect(version(number, uri=f"{namespace}/{number}"), (namespace, str(number)))

    for number in range(30):
        for namespace in range(AT_ONCE):
            wants(f"evil{namespace}", number)
    await asyncio.sleep(5.5)
    wants("growth", 1)
    await asyncio.sleep(3)
    assert inspections.inspect(version(1, uri="growth/1"), KEY) == CONTENTS


async def test_a_refusal_is_remembered_for_as_long_as_the_version_is_in_use(site):
    site.answers[version(1).uri] = ArtifactRejected("too many files")
    assert site.is_waited_for(version(1))
    await until(lambda: site.woken)
    for _ in range(5):
        with pytest.raises(ArtifactRejected):
            site.inspections.inspect(version(1), KEY)
    assert site.reads[version(1).uri] == 1
    site.inspections.keep(())
    assert site.is_waited_for(version(1))


async def test_a_failure_is_told_to_all_and_not_tried_again_at_once(site):
    site.answers[version(1).uri] = RegistryUnavailable("no answer")
    site.is_waited_for(version(1))
    await until(lambda: site.woken)
    for number in range(1000):
        with pytest.raises(RegistryUnavailable):
            site.inspections.inspect(version(1), ("growth", str(number)))
    await asyncio.sleep(0)
    assert site.reads[version(1).uri] == 1


async def test_a_failure_is_tried_again_later_and_its_end_wakes_whoever_waits(site, monkeypatch):
    monkeypatch.setattr("lockgate.resolve.inspections._FIRST_PAUSE_SECONDS", 0.0)
    site.answers[version(1).uri] = RegistryUnavailable("no answer")
    site.is_waited_for(version(1))
    await until(lambda: site.woken)
    del site.answers[version(1).uri]
    site.woken.clear()
    # Nobody asks again: whoever waits may be told to look much later.
    await until(lambda: site.woken == [KEY])
    assert site.inspections.inspect(version(1), KEY) == CONTENTS


async def test_what_nobody_follows_any_more_is_not_read_again(site, monkeypatch):
    monkeypatch.setattr("lockgate.resolve.inspections._FIRST_PAUSE_SECONDS", 0.0)
    site.answers[version(1).uri] = RegistryUnavailable("no answer")
    site.is_waited_for(version(1))
    await until(lambda: site.woken)

    def is_forgotten():
        site.inspections.keep(())
        return version(1).uri not in str(site.inspections._known)

    await until(is_forgotten)
    reads = site.reads[version(1).uri]
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert site.reads[version(1).uri] == reads


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)
