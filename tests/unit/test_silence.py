"""A silence is looked into: who is away, what hangs, and whether our own client stands still."""

import threading

from lockgate.domain.version import Alias, Reference
from lockgate.errors import AliasNotFound, RegistryUnavailable
from lockgate.registries.wandb.asking import BATCH, Memory
from lockgate.registries.wandb.silence import SILENT_LOOK_UPS, Silence

ONE, OTHER = (
    Reference(registry="model", collection=name, wanted=Alias("production")) for name in ("one", "other")
)
SILENT = [RegistryUnavailable("the registry did not answer")]


class Scene:
    """A registry that answers others, or does not."""

    def __init__(self, *, answers_others: bool) -> None:
        self.memory = Memory()
        self.kills = self.probes = 0
        self._answers_others = answers_others
        self.silence = Silence(self.memory, self._probe, self._kill)

    def _probe(self) -> bool:
        self.probes += 1
        return self._answers_others

    def _kill(self) -> None:
        self.kills += 1

    def notice(self, *args, **options) -> None:
        """Take note, and wait until it was looked into."""
        self.silence.notice(*args, **options)
        for thread in threading.enumerate():
            if thread.name == "registry-probe":
                thread.join(10)


def test_what_hung_while_the_registry_answers_others_is_asked_in_smaller_parts():
    scene = Scene(answers_others=True)
    scene.notice(SILENT, [(ONE, OTHER)], asked=True)
    assert scene.memory.most_with(ONE) == scene.memory.most_with(OTHER) == 1
    assert scene.kills == 0


def test_a_registry_that_answers_nobody_is_asked_as_before():
    scene = Scene(answers_others=False)
    for _ in range(SILENT_LOOK_UPS):
        scene.notice(SILENT, [(ONE, OTHER)], asked=True)
    assert scene.memory.most_with(ONE) == BATCH
    assert scene.kills == 0


def test_what_hung_beside_an_answer_needs_no_other_question():
    scene = Scene(answers_others=True)
    scene.notice([*SILENT, AliasNotFound("no")], [(ONE,)], asked=True)
    assert scene.memory.most_with(ONE) == 0
    assert scene.probes == 0


def test_a_client_that_stays_silent_while_the_registry_answers_others_is_ended_once():
    scene = Scene(answers_others=True)
    for _ in range(SILENT_LOOK_UPS + 1):
        scene.notice(SILENT, [], asked=True)
    assert scene.kills == 1


def test_a_poll_that_asks_for_nothing_is_no_silence():
    scene = Scene(answers_others=True)
    for _ in range(SILENT_LOOK_UPS):
        scene.notice([], [], asked=False)
    assert scene.probes == 0


def silent_look_ups_until_it_is_ended(scene: Scene) -> int:
    kills, asked = scene.kills, 0
    while scene.kills == kills:
        scene.notice(SILENT, [], asked=True)
        asked += 1
    return asked


def test_a_client_that_is_slow_to_begin_is_given_longer_after_each_end():
    scene = Scene(answers_others=True)
    asked = [silent_look_ups_until_it_is_ended(scene) for _ in range(6)]
    assert asked == [3, 6, 12, 24, 48, 48]
    scene.notice([AliasNotFound("no")], [], asked=True)
    assert silent_look_ups_until_it_is_ended(scene) == SILENT_LOOK_UPS
