"""Partial blobs: the layout that Ollama uses, and writes that never lose their place."""

import fcntl
import json
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.registry import partial
from tampu.registry.partial import Part, PartialBlob, PartialBusy, plan_parts
from tests.recordings import recording


def test_parts_are_those_of_ollama() -> None:
    cases = {case["name"]: case for case in recording("registry/wire-large.json")["cases"]}
    states = [
        json.loads(file["text"])
        for file in cases["server killed (KILL) in the middle"]["store"]
        if "-partial-" in file["path"]
    ]
    planned = [{"N": p.number, "Offset": p.offset, "Size": p.size, "Completed": 0} for p in plan_parts(253_113_024)]
    assert planned == states


@given(st.integers(0, 1 << 45))
def test_parts_cover_the_blob_once(total: int) -> None:
    parts = plan_parts(total)
    assert sum(part.size for part in parts) == total
    assert all(after.offset == before.end for before, after in pairwise(parts))
    assert all(part.size <= partial.LARGEST_PART_BYTES for part in parts)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20), st.lists(st.integers(0, 400), max_size=5))
def test_any_way_of_cutting_the_stream_gives_the_same_bytes(sizes: list[int], restarts: list[int]) -> None:
    """A stream that begins anew at any earlier place writes nothing twice and nothing wrong."""
    content = bytes(range(1, sum(sizes) % 251 + 2)) * 7
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"sha256-{'a' * 64}"
        with PartialBlob.open(target, len(content)) as blob:
            blob.plan(len(content))
            third = max(len(content) // 3, 1)
            starts = range(0, len(content), third)
            blob.parts = [Part(n, start, min(third, len(content) - start)) for n, start in enumerate(starts)]
            for start in [*sorted(restart % len(content) for restart in restarts), 0]:
                position, number = min(start, blob.prefix), 0
                while position < len(content):
                    size = sizes[number % len(sizes)]
                    blob.absorb(position, content[position : position + size])
                    position, number = position + size, number + 1
            assert blob.completed == blob.prefix == len(content)
            assert blob.read(0, len(content) + 1) == content


def test_what_was_written_is_found_again(tmp_path: Path) -> None:
    target = tmp_path / f"sha256-{'a' * 64}"
    with PartialBlob.open(target, 1000) as blob:
        assert blob.parts == []
        blob.plan(1000)
        blob.absorb(0, b"x" * 123)
    state = target.with_name(f"{target.name}-partial-0").read_text()
    assert state.endswith("\n")
    assert json.loads(state) == {"N": 0, "Offset": 0, "Size": 1000, "Completed": 123}
    with PartialBlob.open(target, 1000) as blob:
        assert blob.parts == [Part(0, 0, 1000, 123)]
    with PartialBlob.open(target, 999) as blob:
        assert blob.parts == []


def test_a_partial_without_a_byte_is_not_kept(tmp_path: Path) -> None:
    target = tmp_path / f"sha256-{'a' * 64}"
    with PartialBlob.open(target, 1000) as blob:
        blob.plan(1000)
    assert list(tmp_path.iterdir()) == []


def test_one_process_at_a_time(tmp_path: Path) -> None:
    target = tmp_path / f"sha256-{'a' * 64}"
    with PartialBlob.open(target, 1000), pytest.raises(PartialBusy):
        PartialBlob.open(target, 1000)


def test_what_has_just_become_the_blob_is_not_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process finishes between our opening of its partial and our lock on it."""
    target = tmp_path / f"sha256-{'a' * 64}"
    path = target.with_name(f"{target.name}-partial")
    path.write_bytes(b"whole")

    def finish_first(handle: int, kind: int) -> None:
        path.rename(target)
        path.write_bytes(b"")  # and yet another one begins
        flock(handle, kind)

    flock = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", finish_first)
    with pytest.raises(PartialBusy):
        PartialBlob.open(target, 1000)
    assert target.read_bytes() == b"whole"
