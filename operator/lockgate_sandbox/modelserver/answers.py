"""The log of what was answered to which request, so that answers of two versions can be compared.

One line of JSON on standard output for each; of a request without an id nothing is told. Only who asks
for the log has it.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

REQUEST_ID: Final = "X-Request-Id"
MOST_VALUES: Final = 64
"""Of an answer so many are told; who compares needs no more to see that two differ."""


def tell(request: str | None, body: Any) -> None:
    """Log an answer of the protocol."""
    if not request or not isinstance(body, dict):
        return
    values = [value for output in body.get("outputs", ()) for value in output["data"]]
    told = {"request": request[:128], "values": values[:MOST_VALUES]}
    # In one piece, for several threads answer at a time.
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
