"""From recipes to image archives in the user's cache, doing only what is not done yet.

An archive's file name carries the content key of its image: it exists, or it has to be built.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from lockgate_sandbox.binaries.debian import ensure_packages
from lockgate_sandbox.binaries.progress import Progress
from lockgate_sandbox.errors import SandboxError, Unavailable
from lockgate_sandbox.images.archive import PREFIX, Image, archives, drop_old, read_archive, write_archive
from lockgate_sandbox.images.base import base_key, build_base
from lockgate_sandbox.images.buildah import Buildah
from lockgate_sandbox.images.recipes import RECIPES, Recipe, content_key, stage
from lockgate_sandbox.source import REPOSITORY
from lockgate_sandbox.worlds import cache_root, locked

_TOOLS = ("mmdebstrap", "buildah")


def build_images(
    names: Sequence[str] = tuple(RECIPES), progress: TextIO | None = None
) -> Mapping[str, Image]:
    """The images of these names, by name; builds what is new or has changed.

    Building tells its progress on `progress` (default: stderr). Raises Unavailable where this
    machine cannot build (Linux with root and Debian's packages can), SandboxError when a build fails.
    """
    if unknown := set(names) - set(RECIPES):
        raise SandboxError(f"there is no image {', '.join(sorted(unknown))}; there are {', '.join(RECIPES)}")
    _require_machine()
    cache = cache_root() / "images"
    done = {name: image for name in names if (image := _cached(RECIPES[name]))}
    missing = [name for name in names if name not in done]
    if missing:
        archives().mkdir(parents=True, exist_ok=True)
        with locked(cache / ".lock"):
            for position, name in enumerate(missing):
                told = Progress(name, missing[position + 1 :], progress)
                done[name] = _cached(RECIPES[name]) or _build(RECIPES[name], cache, told)
    return {name: done[name] for name in names}


def _require_machine() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        raise Unavailable(
            "images are built on Linux as root; elsewhere use: docker build --file Dockerfile ."
        )


def _archive(recipe: Recipe, key: str) -> Path:
    return archives() / f"{recipe.name}-{key}.tar"


def _cached(recipe: Recipe) -> Image | None:
    archive = _archive(recipe, content_key(recipe, REPOSITORY, base_key()))
    return read_archive(recipe.name, archive) if archive.is_file() else None


def _build(recipe: Recipe, cache: Path, progress: Progress) -> Image:
    """Build one image; the caller holds the lock of the cache."""
    progress.say("building; what is unchanged since the last time is taken from the cache")
    missing_tools = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing_tools:
        progress.tick(f"installing {', '.join(missing_tools)}")
        ensure_packages(missing_tools, "building images")
    work = cache / "work"
    shutil.rmtree(work, ignore_errors=True)
    context = work / "context"
    context.mkdir(parents=True)
    log = cache / f"{recipe.name}.log"
    log.unlink(missing_ok=True)
    buildah = Buildah(cache, work, log, progress)
    buildah.tidy()
    base = _base(cache, buildah, progress)
    # Keyed by the staged copy: an edit during the build must not pass for what was built.
    stage(recipe, REPOSITORY, context)
    key = content_key(recipe, context, base_key())
    buildah.build(context, recipe.dockerfile, base, f"{PREFIX}/{recipe.name}:latest")
    progress.tick("packing")
    buildah.push(f"{PREFIX}/{recipe.name}:latest", work / "layout")
    tag = f"{PREFIX}/{recipe.name}:{key}"
    image = write_archive(recipe.name, tag, work / "layout", _archive(recipe, key))
    shutil.rmtree(work)
    drop_old(recipe.name)
    progress.say(f"built: {image.archive.stat().st_size / 1e6:.0f} MB")
    return image


def _base(cache: Path, buildah: Buildah, progress: Progress) -> str:
    tag = f"{PREFIX}/base:{base_key()}"
    if not buildah.has(tag):
        tarball = buildah.work / "base" / "root.tar"
        tarball.parent.mkdir()
        build_base(tarball, cache / "base.log", progress)
        buildah.import_base(tarball, tag)
    return tag
