"""The end of the process: each part has its time, and nothing that hangs outlasts the whole."""

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lockgate.work.tasks import end

ROOT = Path(__file__).parents[2]
SECONDS = 0.2
# The end comes after SECONDS and a little more; the rest is for a machine that has much else to do.
PATIENCE_SECONDS = 60
STUBBORN_THREAD = "import threading; threading.Thread(target=time.sleep, args=(3600,)).start()"
# A regular expression that never ends, and lets no other thread of Python go on meanwhile.
HELD_INTERPRETER = "import re; re.match('(a+)+$', 'a' * 60 + 'b')"
HANGING_EXIT = "import atexit; atexit.register(time.sleep, 3600)"
CHILD = "import subprocess; print(subprocess.Popen(['sleep', '3600']).pid, flush=True); time.sleep(3600)"


def program(*lines: str) -> subprocess.Popen[bytes]:
    """A Python that runs these lines, on the operator's path."""
    return subprocess.Popen(
        [sys.executable, "-c", "\n".join(("import time", *lines))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT / "operator"), "PATH": "/usr/bin:/bin"},
    )


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    try:
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.signals
@pytest.mark.parametrize(
    "hanging",
    [STUBBORN_THREAD, HELD_INTERPRETER, HANGING_EXIT],
    ids=["a thread that nobody ends", "an interpreter that is held", "an exit that hangs"],
)
def test_a_process_that_is_to_end_ends_whatever_hangs_in_it_and_tells_where_it_stood(hanging):
    arm = f"from lockgate.ending import end_process_after; end_process_after({SECONDS})"
    code, _, told = ended(program(arm, hanging))
    assert code == 1
    assert "most recent call first" in told


@pytest.mark.signals
def test_what_it_has_started_ends_with_it():
    arm = f"from lockgate.ending import end_process_after; end_process_after({SECONDS})"
    code, pid, _ = ended(program(arm, CHILD))
    assert code == 1
    stat = Path(f"/proc/{pid.strip()}/stat")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline, "its child lives on"
        time.sleep(0.02)


@pytest.mark.signals
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_process_that_has_begun_nothing_yet_ends_at_once(number):
    process = program(
        "from lockgate.ending import end_at_once_on_signals; end_at_once_on_signals()",
        "print('begins', flush=True)",
        "time.sleep(3600)",
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"begins\n"
    process.send_signal(number)
    assert ended(process)[0] == 0


@pytest.mark.signals
def test_a_process_that_is_done_leaves_tidily_and_waits_for_nothing():
    process = program(
        STUBBORN_THREAD,
        "import asyncio, atexit",
        "atexit.register(print, 'tidied')",
        "from lockgate.ending import leave",
        "async def run():",
        "    asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)",
        "    leave()",
        "asyncio.run(run())",
    )
    code, out, _ = ended(process)
    assert (code, out) == (0, "tidied\n")


@pytest.mark.signals
def test_a_second_signal_neither_hastens_nor_hinders_the_end():
    process = program(
        "import asyncio",
        "from lockgate.ending import stop_on_signals",
        "async def run():",
        "    stop = asyncio.Event()",
        "    stop_on_signals(stop, at_most=3600)",
        "    print('runs', flush=True)",
        "    await stop.wait()",
        "    print('stops', flush=True)",
        "    await asyncio.sleep(0.5)",
        "asyncio.run(run())",
        "print('ended', flush=True)",
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"runs\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == b"stops\n"
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    code, out, _ = ended(process)
    assert (code, out) == (0, "ended\n")


async def test_parts_end_at_once_and_none_waits_for_another_that_hangs():
    never, went = asyncio.Event(), []

    async def quick() -> None:
        await asyncio.sleep(0)
        went.append("quick")

    async def fails() -> None:
        raise KeyError("a defect")

    async def stubborn() -> None:
        while not went or went[-1] != "released":
            try:
                await never.wait()
                went.append("released")
            except asyncio.CancelledError:
                continue

    async with asyncio.timeout(PATIENCE_SECONDS):
        await end(0.05, stubborn=stubborn(), fails=fails(), quick=quick())
    assert went == ["quick"]
    never.set()
    while went[-1] != "released":
        await asyncio.sleep(0)
