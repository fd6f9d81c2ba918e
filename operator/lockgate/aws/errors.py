"""What can go wrong at AWS that is no outage of the cluster or of a registry; of the tree in `errors.py`."""

from lockgate.errors import Transient
from lockgate.names import Reason


class BackendUnavailable(Transient):
    """What runs models elsewhere did not answer, or asked for patience."""

    reason = Reason.BACKEND_UNAVAILABLE


class BackendDenied(Transient):
    """What runs models elsewhere refused the operator's credentials or rights, or there are none."""

    reason = Reason.BACKEND_DENIED
