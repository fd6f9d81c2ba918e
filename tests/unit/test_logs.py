"""Logs: one JSON object a line, whoever speaks, with what people look for in front."""

import json
import os
import subprocess
import sys
from pathlib import Path

import lockgate

_SPEAKING = """
import logging, structlog
from lockgate.telemetry.logs import set_up_logs

set_up_logs("INFO", "json")
log = structlog.get_logger("lockgate.test")
structlog.contextvars.bind_contextvars(namespace="growth", name="churn")
log.info("transition", reason="RolledOut")
log.debug("nobody wants to know")
logging.getLogger("aiohttp.server").warning("%s came", "somebody")
try:
    raise KeyError("surprise")
except KeyError:
    log.exception("pass failed unexpectedly")
"""


def said() -> list[dict[str, str]]:
    source = str(Path(lockgate.__file__).parents[1])
    ended = subprocess.run(
        [sys.executable, "-c", _SPEAKING],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stdout == ""
    return [json.loads(line) for line in ended.stderr.splitlines()]


def test_every_line_begins_with_time_level_and_event():
    lines = said()
    assert [list(line)[:3] for line in lines] == [["timestamp", "level", "event"]] * 3
    assert [line["event"] for line in lines] == ["transition", "somebody came", "pass failed unexpectedly"]


def test_a_line_names_the_deployment_it_speaks_of_and_a_defect_brings_its_traceback():
    first, _, last = said()
    assert (first["namespace"], first["name"], first["reason"]) == ("growth", "churn", "RolledOut")
    assert "KeyError: 'surprise'" in last["exception"]
