"""The watch is entered again and again, and says for how long it has failed."""

import threading

import kopf

from lockgate.watch.supervisor import WatchSupervisor


class EndsAtOnce(WatchSupervisor):
    """A watch that the API server ends as soon as it begins."""

    async def _watch_once(self) -> float:
        return 0.0


class Lasts(WatchSupervisor):
    """A watch that goes on until it is stopped."""

    async def _watch_once(self) -> float:
        self._stop.wait(10)
        return 0.0


def test_a_watch_that_ends_at_once_is_entered_again_swept_after_and_told():
    again = threading.Event()
    watch = EndsAtOnce(kopf.OperatorRegistry(), kopf.OperatorSettings(), (), on_restart=again.set)
    watch.start()
    try:
        assert again.wait(10)
        assert watch.entries >= 2
        assert watch.failing_seconds() > 0
    finally:
        watch.stop()


def test_a_watch_that_lasts_fails_for_no_second():
    watch = Lasts(kopf.OperatorRegistry(), kopf.OperatorSettings(), (), on_restart=lambda: None)
    watch.start()
    try:
        assert watch.failing_seconds() == 0.0
        assert watch.entries <= 1
    finally:
        watch.stop()
