"""What every test may use, and what it needs: a test that starts something is marked by what it asks for.

`make check` runs what has no mark. A test without one that starts a server all the same fails.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

# Who was started in the background ignores it, and so does every program that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How fast this machine is at the moment is no property of the code.
settings.register_profile(
    "patient",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=int(os.environ.get("LOCKGATE_EXAMPLES", "100")),
)
settings.load_profile("patient")
# With the same examples every time, for tests of which the verdict is counted (tests/mutants.py).
settings.register_profile("repeated", settings.get_profile("patient"), derandomize=True, database=None)

pytest_plugins = ["lockgate_sandbox.pytest_plugin", "lockgate_sandbox.registry.pytest_plugin"]

MARK_OF_FIXTURE = {
    "cluster": "cluster",
    "control_plane": "integration",
    "namespace": "integration",
    "registry": "registry",
}
NEEDS = {*MARK_OF_FIXTURE.values(), "modelserver", "watch"}
SERVERS = ("lockgate_sandbox.registry", "modelserver", "wandb-core", "kube-apiserver")
TESTS = Path(__file__).parent
# Nothing there starts a server, so who looks for tests that do need not load them (Makefile).
START_NOTHING = ("contract", "golden", "scenario", "unit")
# Their tests are short and share what costs most of them.
TOGETHER = tuple(
    f"tests/{beginning}"
    for beginning in (
        *("chart/", "modelserver/", "registry/", "registry_door/"),
        *("integration/test_aborts", "integration/test_dashboards", "integration/test_prometheus"),
        *("sandbox/test_gateway_actor", "sandbox/test_parts_on_"),
    )
)
_start = subprocess.Popen.__init__
_needs_nothing = False


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name, definitions in item._fixtureinfo.name2fixturedefs.items():  # type: ignore[attr-defined]
            # A test may have a fixture of the same name that starts nothing.
            if name in MARK_OF_FIXTURE and definitions[-1].func.__module__.startswith("lockgate_sandbox."):
                item.add_marker(MARK_OF_FIXTURE[name])
        part = item.path.relative_to(TESTS).parts[0]
        if part in START_NOTHING and any(map(item.get_closest_marker, NEEDS)):
            raise pytest.UsageError(f"{item.nodeid} needs a server, which no test under {part}/ does")
    # With them last, all would wait for one.
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


class OneByOne(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out each test by itself, but all of a file to one worker where they belong together."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0] if nodeid.startswith(TOGETHER) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    return OneByOne(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    global _needs_nothing
    _needs_nothing = not any(map(item.get_closest_marker, NEEDS))
    return (yield)


def _start_unless_unmarked(self: Any, args: Any, *more: Any, **named: Any) -> None:
    if _needs_nothing and any(server in str(args) for server in SERVERS):
        raise AssertionError(f"this test starts a server, so it needs one of the marks {sorted(NEEDS)}")
    _start(self, args, *more, **named)


subprocess.Popen.__init__ = _start_unless_unmarked  # type: ignore[method-assign]
