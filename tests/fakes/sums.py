"""How many pods does a share of the traffic need?

Counted without the code that is judged by it, which this must never ask.
"""

import math
from fractions import Fraction


def pods_that_carry(size: int, weight: int) -> int:
    """Of `size` pods for all the traffic, so many carry this percentage of it; none is ever half a pod."""
    return math.ceil(Fraction(size * weight, 100))
