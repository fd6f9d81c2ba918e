"""For how long may a candidate come no further before it is late?

As its author says, else by the size of its version, for what lasts longest is that its files are fetched
and read. It must not rest on anything that changes during a rollout: the candidate's size is that with
which it began. Pure.
"""

from datetime import timedelta
from typing import Final

from lockgate.api.lifecycle import LEAST_PATIENCE
from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Revision

# A fifth of a link of 1 Gbit/s, for pods of one version fetch at the same time; and what a slow disk reads.
SLOWEST_BYTES_A_SECOND: Final = 25_000_000
# Some 500 GB at that pace. Who waits longer than a quarter of a day for nothing to happen says so.
MOST_PATIENCE: Final = timedelta(hours=6)


def patience_with(deployment: ModelDeployment, release: Revision) -> timedelta:
    """How long a release may stand still; a size that is not known adds nothing."""
    if deployment.progress_deadline is not None:
        return deployment.progress_deadline
    # In whole minutes, so that small versions all have the same, and a Deployment keeps what it has.
    minutes = (release.size or 0) // (SLOWEST_BYTES_A_SECOND * 60)
    most = (MOST_PATIENCE - LEAST_PATIENCE) // timedelta(minutes=1)
    return LEAST_PATIENCE + timedelta(minutes=min(minutes, most))
