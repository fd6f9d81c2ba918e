"""Images of single programs that come from Go modules: nothing but the program, kept beside the others.

Knows no recipe and needs no builder; what needs a system around it is an image of `images`.
"""

from __future__ import annotations

import hashlib
import os

from lockgate_sandbox.binaries import programs_of
from lockgate_sandbox.cluster.program_image import write_program_image
from lockgate_sandbox.images import Image
from lockgate_sandbox.images.archive import PREFIX, archives, drop_old
from lockgate_sandbox.worlds import locked


def image_of(name: str) -> Image:
    """The image of a program by its name; builds the program and writes the archive where they are not.

    Its name carries what the program consists of, wherever that came from.
    """
    program = programs_of([name])[name]
    with program.open("rb") as content:
        key = hashlib.file_digest(content, "sha256").hexdigest()[:16]
    tag, archive = f"{PREFIX}/{name}:{key}", archives() / f"{name}-{key}.tar"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with locked(archive.parent / f".{name}.lock"):
        if not archive.is_file():
            fresh = archive.with_name(f".{archive.name}.{os.getpid()}")
            write_program_image(fresh, tag, program)
            fresh.replace(archive)
            drop_old(name)
    return Image(name, tag, tag, archive)
