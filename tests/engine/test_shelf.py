"""The files that hold the state of prompts: what is believed, what is chosen, what has to go."""

import os
import struct
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.engine.shelf import Kept, KeptFile, Shelf, best_of, fingerprint_of, surplus
from tampu.engine.state_file import UnknownLayout, common_length, tokens_of

PRINT = fingerprint_of(["engine 1", "model"])
TOKENS = st.lists(st.integers(0, 1), max_size=40)


def state(tokens: list[int], numbers: bytes = b"numbers", *, magic: int = 0x67677371, version: int = 4) -> bytes:
    """The bytes of a state file, as the engine lays them out."""
    payload = struct.pack(f"<3i{len(tokens)}ii", -1, 1, len(tokens), *tokens, 0)
    return struct.pack("<IIi", magic, version, len(payload) // 4) + payload + numbers


def write(shelf: Shelf, tokens: list[int], numbers: bytes = b"numbers") -> str:
    shelf.prepare()
    name = shelf.new_name()
    (shelf.folder / name).write_bytes(state(tokens, numbers))
    return name


def put(shelf: Shelf, tokens: list[int], *, numbers: bytes = b"numbers", used_s: float = 0) -> Path:
    """A kept prompt, last used at `used_s`."""
    kept, _ = shelf.add(write(shelf, tokens, numbers), PRINT, [])
    os.utime(kept[-1].path, (used_s, used_s))
    return kept[-1].path


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "prompts", 1 << 20)


@given(TOKENS)
def test_the_tokens_of_a_state_are_read_back(tokens: list[int]) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        file.write(state(tokens))
        file.flush()
        assert tokens_of(Path(file.name)).tolist() == tokens


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"short",
        state([1, 2], magic=1),
        state([1, 2], version=5),
        state([1, 2, 3])[:26],
        struct.pack("<IIiiii", 0x67677371, 4, 5, -1, 1, 6),
        struct.pack("<IIiiii", 0x67677371, 4, 2**31 - 1, -1, 1, 2**31 - 1),
        struct.pack("<IIiiii", 0x67677371, 4, 5, -1, 1, -6),
        struct.pack("<IIiiii", 0x67677371, 4, 5, 7, 1, 2),
    ],
    ids=["empty", "short", "magic", "version", "cut", "more than the payload", "endless", "negative", "pictures"],
)
def test_what_is_no_state_is_not_believed_and_goes(shelf: Shelf, data: bytes) -> None:
    shelf.prepare()
    path = shelf.folder / f"{PRINT}-0.kv"
    path.write_bytes(data)
    with pytest.raises(UnknownLayout):
        tokens_of(path)
    assert shelf.kept(PRINT) == []
    assert not path.exists()


@given(TOKENS, TOKENS, TOKENS)
def test_the_common_beginning_is_that_of_a_plain_count(both: list[int], one: list[int], other: list[int]) -> None:
    one, other = both + one, both + other
    expected = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    assert common_length(array("i", one), array("i", other)) == expected


@pytest.mark.parametrize(
    ("held", "best"),
    [([], 1), ([[1, 2, 3]], 1), ([[1, 2, 3, 4, 5]], None), ([[9, 9]], 1)],
    ids=["nothing held", "held in part", "held as well", "another held"],
)
def test_only_what_saves_enough_is_restored(held: list[list[int]], best: int | None) -> None:
    kept = [Kept(Path(str(i)), array("i", tokens)) for i, tokens in enumerate([[1, 2, 3], [1, 2, 3, 4, 5, 6], [7]])]
    chosen = best_of(kept, array("i", [1, 2, 3, 4, 5, 9]), [array("i", tokens) for tokens in held], least=2)
    assert chosen is (None if best is None else kept[best])


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9)), max_size=12), st.integers(0, 200))
def test_the_rest_fits_and_nothing_goes_that_need_not(sizes: list[tuple[int, int]], budget: int) -> None:
    files = [KeptFile(Path(str(i)), size, float(used)) for i, (size, used) in enumerate(sizes)]
    gone = surplus(files, budget)
    left = [file for file in files if file not in gone]
    assert sum(file.bytes for file in left) <= budget
    if gone:
        assert sum(file.bytes for file in left) + gone[-1].bytes > budget
        assert all(file.used_s >= max(other.used_s for other in gone) for file in left)


def test_a_kept_prompt_is_private_whole_and_found_again(shelf: Shelf) -> None:
    path = put(shelf, [1, 2, 3])
    assert path.stat().st_mode & 0o777 == 0o600
    assert shelf.folder.stat().st_mode & 0o777 == 0o700
    (found,) = shelf.kept(PRINT)
    assert (found.path, found.tokens.tolist()) == (path, [1, 2, 3])
    assert shelf.is_sound(found)
    assert shelf.kept(fingerprint_of(["engine 2", "model"])) == []


def test_a_longer_prompt_takes_the_place_of_its_beginning(shelf: Shelf) -> None:
    kept, _ = shelf.add(write(shelf, [1, 2]), PRINT, [])
    kept, _ = shelf.add(write(shelf, [1, 9]), PRINT, kept)
    kept, tokens = shelf.add(write(shelf, [1, 2, 3]), PRINT, kept)
    assert [item.tokens.tolist() for item in kept] == [[1, 9], [1, 2, 3]]
    assert tokens.tolist() == [1, 2, 3]
    again, _ = shelf.add(write(shelf, [1, 2]), PRINT, kept)
    assert again == kept
    assert len(list(shelf.folder.iterdir())) == 2


def test_a_changed_or_cut_file_is_not_sound(shelf: Shelf) -> None:
    path = put(shelf, [1, 2, 3], numbers=b"n" * 100)
    (kept,) = shelf.kept(PRINT)
    whole = path.read_bytes()
    for broken in (whole[:-1], whole[:-1] + b"x", whole.replace(b"n", b"m", 1), b""):
        path.write_bytes(broken)
        assert not shelf.is_sound(kept)
    path.unlink()
    assert not shelf.is_sound(kept)


def test_the_least_recently_used_go_and_what_is_too_large_at_once(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, 3 * len(state([1], b"n" * 100)))
    paths = [put(shelf, [i], numbers=b"n" * 100, used_s=10 - i) for i in range(3)]
    put(shelf, [7], numbers=b"n" * 100, used_s=99)
    assert [path.exists() for path in paths] == [True, True, False]
    kept, _ = shelf.add(write(shelf, [8], b"n" * 5000), PRINT, [])
    assert kept == []
    assert not list(tmp_path.glob("*.part"))


def test_what_was_never_finished_goes_once_nobody_can_be_at_it(shelf: Shelf) -> None:
    old, new = write(shelf, [1]), write(shelf, [2])
    os.utime(shelf.folder / old, (0, 0))
    shelf.prepare()
    assert [path.name for path in shelf.folder.iterdir()] == [new]
