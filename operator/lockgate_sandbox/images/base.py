"""A base image with Python, from the machine's own Debian packages.

It stands in for `python:3.12-slim` where no hub is in reach: same commands, other version and paths.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
from pathlib import Path

from lockgate_sandbox.binaries.progress import Progress
from lockgate_sandbox.errors import SandboxError, Unavailable
from lockgate_sandbox.images.commands import run_logged

_PACKAGES = ("coreutils", "dash", "libstdc++6", "python3-venv")
# What no container of ours reads; it is a fifth of the base.
_UNREAD = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man", "var/cache", "var/lib/apt")
_SECONDS = 600
_SOURCES = Path("/etc/apt")


def base_key() -> str:
    """What decides how a base comes out: packages, release and architecture."""
    made_of = (*_PACKAGES, *_UNREAD, _codename(), platform.machine())
    return hashlib.sha256("\0".join(made_of).encode()).hexdigest()[:16]


def build_base(tarball: Path, log: Path, progress: Progress) -> None:
    """Write the root file system as a tar file; it is there wholly or not at all."""
    fresh = tarball.with_name(f".{tarball.name}.{os.getpid()}")
    removed = " ".join(f'"$1"/{name}' for name in _UNREAD)
    command = [
        "mmdebstrap",
        "--variant=extract",
        f"--include={','.join(_PACKAGES)}",
        f"--customize-hook=rm -rf {removed}",
        "--format=tar",
        _codename(),
        str(fresh),
        *map(str, _source_lists(_SOURCES, _codename())),
    ]
    run_logged(command, log, progress, "the base image", _SECONDS)
    fresh.replace(tarball)


def _codename() -> str:
    try:
        release = platform.freedesktop_os_release()
    except OSError as error:
        raise Unavailable("the images' base is made from Debian packages, and this is no Debian") from error
    if release.get("ID") != "debian":
        raise Unavailable(
            f"the images' base is made from Debian packages, and this is {release.get('ID', 'unknown')}; "
            "build with docker instead: docker build --file Dockerfile ."
        )
    return release["VERSION_CODENAME"]


def _source_lists(apt: Path, codename: str) -> list[Path]:
    """The machine's package sources for its own release, leaving out those of other vendors."""
    ours = re.compile(rf"^(?:Suites:|deb\s)(?:.*\s)?{codename}(?=[\s-]|$)", re.MULTILINE)
    named = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    found = [
        path
        for path in named
        if path.suffix in {".list", ".sources"} and path.is_file() and ours.search(path.read_text())
    ]
    if not found:
        raise SandboxError(f"no package source for {codename} in {apt}; the images' base needs one")
    return found
