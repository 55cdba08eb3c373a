"""The numbers of tensors that are computed, against other ways to compute them."""

from typing import Any

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.gguf.translate.numbers import (
    Grid,
    interleaved_rows,
    picked_planes,
    resampled,
    square_root,
    widened,
)

CHANCE = np.random.default_rng(7)


@pytest.mark.parametrize("label", ["F16", "BF16", "Q8_0", "F32"])
def test_numbers_are_widened_as_others_do(label: str) -> None:
    numbers = CHANCE.normal(size=(3, 20_000 // 32 * 32)).astype(np.float32)
    kind = gguf.GGMLQuantizationType[label]
    packed = gguf.quants.quantize(numbers, kind)
    assert widened(packed.tobytes(), label) == gguf.quants.dequantize(packed, kind).astype("<f4").tobytes()


def test_every_half_stays_what_it_is() -> None:
    every = np.arange(65536, dtype="<u2").view("<f2")
    assert widened(every.tobytes(), "F16") == every.astype("<f4").tobytes()


def test_numbers_of_many_steps_and_scales_stay_in_their_places() -> None:
    count = 5 * (1 << 18) + 32
    halves = CHANCE.normal(size=count).astype("<f2")
    assert widened(halves.tobytes(), "F16") == halves.astype("<f4").tobytes()
    blocks = gguf.quants.quantize(halves.astype(np.float32), gguf.GGMLQuantizationType.Q8_0)
    plain = gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType.Q8_0)
    assert widened(blocks.tobytes(), "Q8_0") == plain.astype("<f4").tobytes()


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_planes_of_two_times_are_told_apart(outputs: int, colours: int, height: int, width: int) -> None:
    source = CHANCE.normal(size=(outputs, colours, 2, height, width)).astype("<f4")
    for time in (0, 1):
        assert picked_planes(source.tobytes(), 4 * height * width, time) == source[:, :, time].tobytes()


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 6))
def test_rows_take_turns_within_each_head(heads: int, half: int, columns: int) -> None:
    rows = heads * half * 2
    source = CHANCE.normal(size=(rows, columns)).astype("<f4")
    expected = source.reshape(heads, 2, half, columns).swapaxes(1, 2).reshape(rows, columns)
    assert interleaved_rows(source.tobytes(), rows, heads) == expected.tobytes()


@pytest.mark.parametrize("has_whole_vectors", [True, False])
@pytest.mark.parametrize(("old", "new"), [(4, 4), (4, 2), (3, 6), (1, 1), (5, 1)])
def test_places_are_stretched_along_straight_lines(old: int, new: int, has_whole_vectors: bool) -> None:
    width = 3
    source = CHANCE.normal(size=(old, old, width)).astype("<f4")
    flat = source.reshape(old * old, width)
    data = flat.tobytes() if has_whole_vectors else np.ascontiguousarray(flat.T).tobytes()
    made = resampled(data, Grid(side=old, width=width, has_whole_vectors=has_whole_vectors), new)
    got = np.frombuffer(made, "<f4").reshape(new, new, width)
    assert got == pytest.approx(_stretched(source, new), abs=1e-6)


def _stretched(source: Any, new: int) -> Any:
    old = source.shape[0]
    at = np.linspace(0, old - 1, new) if new > 1 else np.zeros(1)
    rows = np.stack([[np.interp(at, range(old), source[:, x, e]) for x in range(old)] for e in range(source.shape[2])])
    grid = np.stack([[np.interp(at, range(old), rows[e, :, y]) for y in range(new)] for e in range(source.shape[2])])
    return np.moveaxis(grid, 0, -1)


@given(st.integers(-3, 200))
def test_square_roots_are_whole_or_none(count: int) -> None:
    assert square_root(count) == next((side for side in range(1, 15) if side * side == count), None)
