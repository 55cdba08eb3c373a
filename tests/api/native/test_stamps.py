"""The moment of a chunk is written as any other moment is, at every turn of the clock."""

import pytest

from tampu.api.native import stamps
from tampu.units import format_timestamp

SECOND = 1_000_000_000
BEGIN = 1_795_300_226 * SECOND


def test_as_time_goes_on_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    after = [
        0,
        1,
        10,
        123_456_789,
        120_000_000,
        SECOND - 1,
        SECOND,
        2 * SECOND + 5,
        90 * SECOND + 700,
        SECOND,
        -1,
        -SECOND,
        7,
    ]
    moments = [BEGIN + elapsed for elapsed in after]
    monkeypatch.setattr(stamps, "time_ns", iter(moments).__next__)
    clock = stamps.Clock()
    assert [clock.now().decode() for _ in moments] == [format_timestamp(moment) for moment in moments]
