"""Keeps the client silent, and away from files and settings that happen to be around."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def isolate_environment() -> None:
    """Set the variables that the client reads.

    Must run before wandb is imported for the first time; host and key are always passed by hand.
    """
    scratch = Path(tempfile.gettempdir()) / f"lockgate-wandb-{os.getpid()}"
    if not scratch.exists():
        scratch.mkdir(mode=0o700, exist_ok=True)
        # Before the client registers its own end, so that this runs after it.
        atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    os.environ.update(
        {
            "WANDB_SILENT": "true",
            "WANDB_CONSOLE": "off",
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_DISABLE_GIT": "true",
            **{f"WANDB_{kind}_DIR": str(scratch) for kind in ("CACHE", "CONFIG", "DATA")},
            "WANDB_DIR": str(scratch),
        }
    )
    for name in ("WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_MODE"):
        os.environ.pop(name, None)
