"""Kubernetes quantities as exact numbers, so that `1000m` and `1` compare equal.

The grammar is that of the API conventions ("Resource quantities"). Pure.
"""

import re
from decimal import Decimal

_SUFFIXES = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([numkMGTPE]|[KMGTPE]i)?")


def parse_quantity(text: str | int | float) -> Decimal:
    """Return the number that a quantity means; raises ValueError for anything else."""
    match = _QUANTITY.fullmatch(str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a quantity such as 500m, 2 or 1Gi")
    try:
        return Decimal(match[1]) * _SUFFIXES[match[2] or ""]
    except ArithmeticError:
        raise ValueError(f"{text!r} is not a quantity such as 500m, 2 or 1Gi") from None
