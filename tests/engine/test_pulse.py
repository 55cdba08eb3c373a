"""When an engine that says nothing is taken for hung."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tampu.engine.pulse import LEAST_DS, LOOK_S, SILENT_S, STEP_S, STILL_S, Pulse, Vitals, Work

READS = Work(open=1)
ANSWERS = Work(open=2, begun=2)
NEWS = Work(open=1, begun=1, has_news=True)


def still_at(work: Work, moments: list[float], vitals: list[Vitals]) -> list[bool]:
    pulse = Pulse(0.0)
    return [
        not pulse.is_fine(work, moment) and pulse.is_stuck(work, seen, moment)
        for moment, seen in zip(moments, vitals, strict=True)
    ]


def test_one_without_work_is_fine_for_ever() -> None:
    assert still_at(Work(), [5.0, 1e6], [Vitals(), Vitals()]) == [False, False]


def test_one_that_answers_is_fine_whatever_its_process_looks_like() -> None:
    assert still_at(NEWS, [5.0, 1e6], [Vitals(), Vitals()]) == [False, False]


def test_one_that_neither_answers_nor_moves_is_stuck() -> None:
    moments = [5.0, 10.0, 5.0 + STILL_S]
    assert still_at(READS, moments, [Vitals()] * 3) == [False, False, True]


@pytest.mark.parametrize("sign", ["resident_mib", "read_mib", "processor_ds", "log_lines"])
def test_any_sign_of_life_counts_while_it_reads(sign: str) -> None:
    moments = [10.0 * number for number in range(1, 500)]
    vitals = [Vitals(**{sign: number * LEAST_DS}) for number in range(1, 500)]
    assert not any(still_at(READS, moments, vitals))


def test_one_that_computes_without_a_word_between_two_tokens_is_stuck_at_last() -> None:
    vitals = [Vitals(processor_ds=1), Vitals(processor_ds=2)]
    assert still_at(ANSWERS, [SILENT_S - 1, SILENT_S], vitals) == [False, True]
    mixed = Work(open=2, begun=1)
    assert still_at(mixed, [SILENT_S - 1, SILENT_S], vitals) == [False, False]


def spinning(moments: Iterator[float]) -> Iterator[tuple[Vitals, float]]:
    """A process that computes, at each of the moments, and does nothing else."""
    return ((Vitals(processor_ds=int(moment * 10)), moment) for moment in moments)


def looks(*, after: float = 0.0) -> Iterator[float]:
    return (after + LOOK_S * number for number in range(1, 60))


def stuck_after(pulse: Pulse, work: Work, seen: Iterator[tuple[Vitals, float]], *, turns: bool) -> float | None:
    """The moment at which it is taken for hung."""
    for vitals, now in seen:
        if not pulse.is_fine(work, now) and pulse.is_stuck(work, vitals, now, turns=turns):
            return now
    return None


def test_one_that_computes_for_ever_between_two_tokens_is_noticed_soon() -> None:
    moment = stuck_after(Pulse(0.0), ANSWERS, spinning(looks()), turns=False)
    assert moment is not None
    assert STEP_S <= moment < 30 - 2 * LOOK_S, "a look, and a question that is not answered, come before"


@pytest.mark.parametrize(
    ("work", "turns", "sign"),
    [
        (ANSWERS, True, ""),
        (READS, False, ""),
        (Work(open=2, begun=1), False, ""),
        (Work(open=2, begun=2, has_left=True), False, ""),
        (ANSWERS, False, "read_mib"),
        (ANSWERS, False, "resident_mib"),
    ],
    ids=["it ends its steps", "a prompt", "one prompt", "a prompt whose client left", "weights are read", "it grows"],
)
def test_one_that_computes_with_a_reason_is_left_alone(work: Work, sign: str, *, turns: bool) -> None:
    seen = spinning(looks())
    if sign:
        seen = ((replace(vitals, **{sign: int(now)}), now) for vitals, now in seen)
    assert stuck_after(Pulse(0.0), work, seen, turns=turns) is None


def test_one_whose_steps_are_slow_has_more_time() -> None:
    pulse = Pulse(0.0)
    assert stuck_after(pulse, ANSWERS, spinning(iter([3.0, 6.0, 9.0])), turns=False) is None
    assert pulse.is_fine(NEWS, 12.0)
    moment = stuck_after(pulse, ANSWERS, spinning(looks(after=12.0)), turns=False)
    assert moment is not None
    assert moment >= 12.0 + 2 * STEP_S


def test_news_begin_the_count_anew() -> None:
    pulse = Pulse(0.0)
    assert not pulse.is_fine(READS, 5.0)
    assert not pulse.is_stuck(READS, Vitals(), 5.0)
    assert pulse.is_fine(NEWS, 6.0)
    assert not pulse.is_stuck(READS, Vitals(), 5.0 + STILL_S)
    assert pulse.is_stuck(READS, Vitals(), 5.0 + 2 * STILL_S)


def test_the_little_that_an_idle_process_computes_is_no_sign_of_life() -> None:
    moments = [5.0, 5.0 + STILL_S / 2, 5.0 + STILL_S]
    vitals = [Vitals(processor_ds=number) for number in range(LEAST_DS)]
    assert still_at(READS, moments, vitals) == [False, False, True]
