"""The demo, as a user runs it: everything real, and it ends by itself when nobody is at a terminal."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]


def test_an_alias_moves_and_a_real_model_follows_without_a_failed_request():
    ended = subprocess.run(
        [sys.executable, "-m", "lockgate_sandbox.demo"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "operator")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    rows = re.findall(r"s\s+production\s+(v\d)\s+(v\d)\s+Serving\s+True", ended.stdout)
    assert ("v1", "v1") in rows
    assert rows[-1] == ("v0", "v0")
    steps = re.findall(r"s +(\d/3) +(\d+) % .*?v1 is (?:being measured|held)", ended.stdout)
    assert list(dict.fromkeys(steps)) == [("1/3", "10"), ("2/3", "50")], "as the gateway serves it"
    assert "v2 was aborted and v1 serves on: metric seconds" in ended.stdout
    through_the_gateway = re.findall(r"(\d+) requests through the gateway so far, 0 failed", ended.stdout)
    assert len(through_the_gateway) == 3
    arms = re.findall(r"of \d+ answers: v1 \d+%, (v\d) \d+%|of \d+ answers: (v0) \d+%, v1", ended.stdout)
    assert ["".join(each) for each in arms] == ["v0", "v3"], "by the gateway, whose pods were counted"
    assert "who has the cookie variant=challenger is answered by v3 alone" in ended.stdout
    assert "pods of the champion are those of before" in ended.stdout
    counts = re.findall(r"(\d+) requests from inside the cluster so far, 0 failed", ended.stdout)
    assert len(counts) == 3
    assert int(counts[-1]) > int(counts[1]) > int(counts[0]) > 100
    assert "pods of churn are those of before" in ended.stdout
    answered = re.findall(r"loyal but annoyed\s+([\d.]+)%.*?(v\d)$", ended.stdout, re.MULTILINE)
    assert [version for _, version in answered] == ["v0", "v1", "v0"]
    assert answered[0] == answered[2] != answered[1]
