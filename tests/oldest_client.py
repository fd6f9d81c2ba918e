"""Runs the tests of the registry's door on the oldest client that Lockgate means to run with.

The client goes into a directory of the user's cache, once, and before ours on the path.
`python -m tests.oldest_client [arguments of pytest]`
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / "requirements" / "oldest-client.txt"


def main(arguments: list[str]) -> int:
    """The exit code of the tests."""
    client = prepared()
    paths = [str(client), "operator", "."]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    asked = [sys.executable, "-c", "import wandb; print(wandb.__version__)"]
    version = subprocess.run(asked, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    print(f"oldest client: wandb {version.stdout.strip()}", flush=True)
    tests = arguments or ["-q", "tests/registry_door"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *tests], env=environment, cwd=ROOT, check=False
    ).returncode


def prepared() -> Path:
    """The directory that holds the client, made once."""
    locked = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    there = cache / "lockgate" / "clients" / f"{sys.version_info[0]}.{sys.version_info[1]}-{locked}"
    if not there.exists():
        draft = there.with_name(f"{there.name}.{os.getpid()}")
        shutil.rmtree(draft, ignore_errors=True)
        # What it needs is here already, in the versions that ours needs.
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        what = ["--no-deps", "--require-hashes", "--target", str(draft), "-r", str(REQUIREMENTS)]
        subprocess.run([*pip, *what], check=True)
        draft.rename(there)
    return there


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
