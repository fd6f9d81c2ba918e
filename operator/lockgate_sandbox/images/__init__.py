"""The images of the sandbox, built on this machine from the shipped Dockerfiles, without any hub."""

from lockgate_sandbox.images.archive import Image
from lockgate_sandbox.images.build import build_images

__all__ = ["Image", "build_images"]
