"""What answers to range requests mean."""

import pytest

from tampu.registry.patience import Patience
from tampu.registry.ranges import Verdict, judge, judge_whole, retry_after_s


@pytest.mark.parametrize(
    ("status", "headers", "wanted", "verdict"),
    [
        (206, {"Content-Range": "bytes 5-9/10"}, 5, Verdict.TAKE),
        (206, {"Content-Range": "bytes 5-9/*"}, 5, Verdict.TAKE),
        (206, {"Content-Range": "bytes 4-9/10"}, 5, Verdict.NO_RANGES),
        (206, {"Content-Range": "items 5-9/10"}, 5, Verdict.NO_RANGES),
        (206, {}, 5, Verdict.NO_RANGES),
        (206, {"Content-Range": "bytes 5-9/10", "Content-Encoding": "gzip"}, 5, Verdict.NO_RANGES),
        (200, {}, 5, Verdict.NO_RANGES),
        (200, {}, 0, Verdict.TAKE),
        (416, {}, 5, Verdict.NO_RANGES),
        (403, {}, 0, Verdict.LOCATE_AGAIN),
        (404, {}, 0, Verdict.LOCATE_AGAIN),
        (429, {}, 0, Verdict.RETRY),
        (500, {}, 0, Verdict.RETRY),
        (204, {}, 0, Verdict.RETRY),
    ],
)
def test_verdicts(status: int, headers: dict[str, str], wanted: int, verdict: Verdict) -> None:
    assert judge(status, headers, wanted) is verdict


def test_a_whole_answer_is_taken_unpacked_only() -> None:
    assert judge_whole(200, {}) is Verdict.TAKE
    assert judge_whole(200, {"Content-Encoding": "gzip"}) is Verdict.RETRY
    assert judge_whole(206, {}) is Verdict.RETRY


@pytest.mark.parametrize(
    ("text", "seconds"), [("3", 3.0), ("999999", 300.0), ("soon", None), ("-1", None), ("", None), ("²", None)]
)
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after_s({"Retry-After": text}) == seconds


def test_pauses_double_and_end() -> None:
    patience = Patience()
    pauses = [patience.pause_s(failures) for failures in range(1, 12)]
    assert all(0.8 * 2**n <= pause <= 1.2 * 2**n for n, pause in enumerate(pauses[:6]))
    assert pauses[-1] == patience.longest_pause_s
    assert patience.pause_s(1, 20.0) == 20.0
