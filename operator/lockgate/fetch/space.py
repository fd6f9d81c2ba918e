"""How much of a volume stays free, whoever fills it.

A volume is often the node's own disk, and the kubelet evicts its neighbours when a tenth of that is
left. A small version is not what fills it, whatever else may have.
"""

import errno
import shutil
from pathlib import Path

from lockgate.domain.fetched import FetchProblem, FetchReason

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def reserve(total: int, needed: int) -> int:
    """Bytes that must stay free on a volume of `total` bytes beside the `needed` ones."""
    return min(total // 10, needed)


def check_space(directory: str | Path, needed: int) -> None:
    """Refuse what would fill the volume; raises FetchProblem."""
    volume = shutil.disk_usage(directory)
    kept = reserve(volume.total, needed)
    if needed + kept > volume.free:
        raise FetchProblem(
            FetchReason.NO_SPACE,
            f"the version has {needed} bytes and {kept} must stay free, but only {volume.free} are free "
            "on the volume; give it more",
        )
