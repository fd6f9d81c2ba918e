"""How many pods a share of the traffic needs, counted without the code that is to be judged by it."""

import math
from fractions import Fraction


def pods_that_carry(size: int, weight: int) -> int:
    """Of `size` pods for all the traffic, so many carry this percentage of it; none is ever half a pod."""
    return math.ceil(Fraction(size * weight, 100))
