"""Two ways to run a model, measured in turn: which one is really faster. Pure.

A machine is never as fast twice, so only pairs are compared, whose two sides followed upon each other, and only a clear
win counts: the median of all pairs is well above one, and hardly a pair says otherwise.
"""

import statistics
from collections.abc import Sequence
from typing import Final

CLEAR: Final = 1.04
"""So much faster is worth a change."""
FEWEST: Final = 3
MOST: Final = 7


def gain(pairs: Sequence[tuple[float, float]]) -> float:
    """How many times as fast the second of each pair is, by the median; the pairs are seconds."""
    return statistics.median(usual / other for usual, other in pairs)


def is_decided(pairs: Sequence[tuple[float, float]], clear: float = CLEAR) -> bool:
    """Whether more pairs would hardly change the verdict, or there are enough."""
    if len(pairs) < FEWEST:
        return False
    ratios = [usual / other for usual, other in pairs]
    return len(pairs) >= MOST or max(ratios) < clear or min(ratios) > clear


def wins(pairs: Sequence[tuple[float, float]], clear: float = CLEAR) -> bool:
    """Whether the second side is clearly faster: one pair in seven may say otherwise."""
    against = sum(usual <= other for usual, other in pairs)
    return len(pairs) >= FEWEST and gain(pairs) >= clear and against <= len(pairs) // MOST
