"""An image of one program for parts that are nothing else, written once for each build of the program."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from lockgate_sandbox.cluster.program_image import write_program_image
from lockgate_sandbox.images.archive import PREFIX, Image
from lockgate_sandbox.worlds import cache_root


def program_archive(program: Path) -> Image:
    """The image of a static program, in the user's cache; named by the digest of its bytes."""
    digits = hashlib.sha256(program.read_bytes()).hexdigest()[:16]
    tag = f"{PREFIX}/{program.name}:{digits}"
    archive = cache_root() / "images" / "archives" / f"{program.name}-{digits}.tar"
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        fresh = archive.with_name(f".{archive.name}.{os.getpid()}")
        write_program_image(fresh, tag, program)
        fresh.replace(archive)
    return Image(program.name, tag, tag, archive)
