"""What a test needs is told by its marks, and nobody forgets one."""

import subprocess

import pytest


def test_a_test_without_a_mark_cannot_start_a_server():
    with pytest.raises(AssertionError, match="needs one of the marks"):
        subprocess.run(["python", "-m", "lockgate_sandbox.registry"], check=False)
