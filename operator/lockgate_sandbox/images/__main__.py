"""`python -m lockgate_sandbox.images`: build the sandbox's images and say what they are called."""

from __future__ import annotations

import argparse
import sys

from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.images import build_images
from lockgate_sandbox.images.recipes import RECIPES

_EPILOG = """\
Only what has changed is built. Afterwards a node knows an image by both names:

  ctr --namespace k8s.io images import ARCHIVE
"""


def main() -> int:
    """Exit code 0 when all images are there, 1 with one sentence when not."""
    parser = argparse.ArgumentParser(
        prog="python -m lockgate_sandbox.images",
        description="Build images from the shipped Dockerfiles on a base made from Debian packages.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(RECIPES)}; default: all")
    names = parser.parse_args().names or tuple(RECIPES)
    try:
        images = build_images(names).values()
    except SandboxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    rows = [("NAME", "REFERENCE", "TAG", "ARCHIVE")]
    rows += [(image.name, image.reference, image.tag, str(image.archive)) for image in images]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
