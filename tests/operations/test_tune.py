"""What a tuning makes of what it measured."""

import pytest

from tampu.engine.tuning import Tuning
from tampu.operations.tune import Variant, judged

FEWER = Variant("threads", "1", Tuning(threads=1))


@pytest.mark.parametrize(
    ("is_kept", "others", "expected"),
    [(True, 0.05, True), (True, 0.5, False), (False, 0.5, False), (False, 0.0, False)],
)
def test_what_wins_only_beside_busy_neighbours_is_not_kept(*, is_kept: bool, others: float, expected: bool) -> None:
    found = judged(FEWER, 1.6, is_kept=is_kept, others=others)
    assert (found.gain, found.is_kept) == (1.6, expected)
    assert bool(found.problem) is (is_kept and not expected)


def test_how_busy_they_were_is_told() -> None:
    assert judged(FEWER, 1.6, is_kept=True, others=0.456).problem.startswith(
        "other programs took 46% of the processors"
    )
