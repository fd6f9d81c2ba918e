"""The one door to buildah: a store of our own, and nothing of it visible outside.

Every call runs in a mount namespace of its own, so that mounts go with it however it ends, and
sees a private directory instead of /var/lib, so that the machine's own container files stay as
they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lockgate_sandbox.binaries.progress import Progress
from lockgate_sandbox.images.commands import run_logged

_SECONDS = 1800
# Layers of past builds are kept as buildah's cache up to this number, then dropped together.
_KEPT_IMAGES = 150
_PRIVATELY = 'mount --bind "$1" /var/lib && shift && exec "$@"'
# How this machine reaches its package index, lent to the build and never part of an image.
_LENT = (Path("/etc/pip.conf"), Path("/etc/ssl/certs"))


@dataclass(frozen=True, slots=True)
class Buildah:
    """buildah on the store in `root`; `work` is for what does not outlive this process."""

    root: Path
    work: Path
    log: Path
    progress: Progress

    def tidy(self) -> None:
        """Remove what an interrupted build left, and a cache that has grown too big."""
        for directory in (self.root / "store", self.root / "var", self.work / "run"):
            directory.mkdir(parents=True, exist_ok=True)
        self._run("rm", "--all")
        images = self.root / "store" / "overlay-images"
        if images.is_dir() and sum(path.is_dir() for path in images.iterdir()) > _KEPT_IMAGES:
            self._run("rmi", "--prune", "--force")

    def import_base(self, tarball: Path, tag: str) -> None:
        """Make a root file system in a tar file the image `tag`."""
        (tarball.parent / "base.Dockerfile").write_text(f"FROM scratch\nADD {tarball.name} /\n")
        context = str(tarball.parent)
        self._run("bud", "--tag", tag, "--file", f"{context}/base.Dockerfile", context)

    def build(self, context: Path, dockerfile: str, base: str, tag: str) -> None:
        """Build a Dockerfile on `base`, with unchanged layers taken from the store."""
        lent = [f"--volume={path}:{path}:ro" for path in _LENT if path.exists()]
        self._run(
            "bud",
            "--isolation=chroot",
            "--network=host",
            "--pull-never",
            "--layers",
            f"--build-arg=BASE={base}",
            *lent,
            "--tag",
            tag,
            "--file",
            str(context / dockerfile),
            str(context),
        )

    def has(self, tag: str) -> bool:
        """Whether the store has an image of that name."""
        names = self.root / "store" / "overlay-images" / "images.json"
        return names.is_file() and f'"{tag}"' in names.read_text()

    def push(self, tag: str, layout: Path) -> None:
        """Write an image as an OCI layout directory."""
        self._run("push", "--quiet", tag, f"oci:{layout}:image")

    def _run(self, *args: str) -> None:
        store = [
            "--root",
            f"{self.root}/store",
            "--runroot",
            f"{self.work}/run",
            "--storage-driver",
            "overlay",
        ]
        private = ["sh", "-c", _PRIVATELY, "sh", f"{self.root}/var"]
        command = [*private, "buildah", *store, *args]
        run_logged(command, self.log, self.progress, self.log.stem, _SECONDS)
