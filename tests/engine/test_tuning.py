"""What was measured for a model is heeded at its load, unless the user says otherwise; only clear wins are kept."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.config import Settings
from tampu.engine.abilities import Program
from tampu.engine.contest import CLEAR, FEWEST, MOST, is_decided, wins
from tampu.engine.spec import EngineSpec, Placement
from tampu.engine.tuning import (
    NOTHING_TUNED,
    Tuning,
    forget_tuning,
    read_tuning,
    tuned,
    tuning_path,
    write_tuning,
)

SPEC = EngineSpec(model_path=Path("/m.gguf"))
PLACE = Placement(num_ctx=2048, slots=4, threads=8)
BEST = Tuning(threads=6, computed_batch=1024, flash_attention=True, kv_cache_type="q8_0", speculation=True)


def loaded(settings: Settings | None = None, *, place: Placement = PLACE, **spec: object) -> tuple[object, ...]:
    wanted = EngineSpec(model_path=Path("/m.gguf"), **spec)  # type: ignore[arg-type]  # any field
    made, found = tuned(wanted, place, BEST, settings or Settings())
    return found.threads, found.computed_batch, found.flash_attention, found.kv_cache_type, made.speculation


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (loaded(), (6, 1024, True, "q8_0", True)),
        (loaded(num_thread=3), (3, 1024, True, "q8_0", True)),
        (loaded(num_batch=64), (6, 0, True, "q8_0", True)),
        (loaded(kv_cache_type="f16"), (6, 1024, True, "f16", True)),
        (loaded(speculation=False), (6, 1024, True, "q8_0", False)),
        (loaded(Settings(flash_attention=False), place=Placement(num_ctx=1, flash_attention=False)),
         (6, 1024, False, "f16", True)),
        (loaded(place=Placement(num_ctx=1, threads=8, is_final=True)), (8, 0, None, "f16", None)),
    ],
)  # fmt: skip
def test_what_a_user_says_wins(found: tuple[object, ...], expected: tuple[object, ...]) -> None:
    assert found == expected


def test_nothing_measured_changes_nothing() -> None:
    assert tuned(SPEC, PLACE, NOTHING_TUNED, Settings()) == (SPEC, PLACE)


def test_it_is_kept_for_the_model_the_engine_and_the_machine(tmp_path: Path) -> None:
    settings, model = Settings(home=tmp_path), tmp_path / "m.gguf"
    model.write_bytes(b"one")
    spec, program = EngineSpec(model_path=model), Program(None, None, "1")
    path = tuning_path(spec, program, settings)
    assert read_tuning(path) == NOTHING_TUNED
    write_tuning(path, BEST)
    assert read_tuning(path) == BEST
    assert tuning_path(spec, Program(None, None, "2"), settings) != path
    model.write_bytes(b"other")
    assert tuning_path(spec, program, settings) != path
    path.write_bytes(b"{")
    assert read_tuning(path) == NOTHING_TUNED
    forget_tuning(path)
    forget_tuning(path)
    assert not path.exists()


pair = st.tuples(st.floats(0.1, 10), st.floats(0.1, 10))


@given(st.lists(pair, min_size=MOST, max_size=MOST))
def test_of_two_ways_at_most_one_wins(pairs: list[tuple[float, float]]) -> None:
    assert not (wins(pairs) and wins([(other, usual) for usual, other in pairs]))
    assert is_decided(pairs)


@pytest.mark.parametrize(
    ("ratios", "decided", "won"),
    [
        ([1.2, 1.3, 1.1], True, True),
        ([0.9, 1.0, 1.02], True, False),
        ([1.2, 1.3], False, False),
        ([1.2, 0.9, 1.3], False, False),
        ([1.2, 0.9, 1.3, 1.2, 1.3, 1.2, 1.2], True, True),
        ([1.2, 0.9, 1.3, 0.8, 1.3, 1.2, 1.2], True, False),
        ([1.01] * MOST, True, False),
    ],
)
def test_only_a_clear_win_counts(ratios: list[float], decided: bool, won: bool) -> None:
    pairs = [(ratio, 1.0) for ratio in ratios]
    assert (is_decided(pairs), wins(pairs)) == (decided, won)
    assert FEWEST <= MOST
    assert CLEAR > 1
