"""What bounds a fetch: its deadline, its signals, and the end of everything that it has started."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.waiting import wait_until

from lockgate.domain.fetched import FetchProblem, FetchReason
from lockgate.fetch.deadline import Deadline
from lockgate.processes import descendants, end_with_descendants

# A process that starts another in a session of its own, tells its pid, and sleeps.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def family() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, start_new_session=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    yield parent, child
    for pid in (parent.pid, child):
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_a_process_in_another_session_ends_too(family):
    parent, child = family
    end_with_descendants(parent)
    assert parent.returncode == -signal.SIGKILL
    wait_until("the child is gone", lambda: not is_running(child))


def test_ending_what_has_ended_is_nothing(family):
    parent, _ = family
    end_with_descendants(parent)
    end_with_descendants(parent)


def test_descendants_are_found_across_sessions(family):
    parent, child = family
    assert descendants(parent.pid) == [child]
    assert {parent.pid, child} <= set(descendants(os.getpid()))


def test_there_is_time_until_the_deadline_and_none_after():
    Deadline(60).check()
    with pytest.raises(FetchProblem) as caught:
        Deadline(0.0).check()
    assert caught.value.reason is FetchReason.DEADLINE


def test_a_signal_ends_the_fetch_at_the_next_look_and_the_old_handlers_come_back():
    deadline, before = Deadline(60), signal.getsignal(signal.SIGTERM)
    with deadline.ended_by(signal.SIGTERM, signal.SIGINT):
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(FetchProblem) as caught:
            deadline.check()
    assert caught.value.reason is FetchReason.INTERRUPTED
    assert signal.getsignal(signal.SIGTERM) is before
