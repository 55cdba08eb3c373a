"""The history file."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tampu.repl.history import KEPT_LINES, add_lines, load_lines


def test_it_keeps_the_last_hundred_and_its_owner_alone_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history"
    add_lines(path, [f"line {number}" for number in range(150)])
    assert load_lines(path) == [f"line {number}" for number in range(50, 150)]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["history"]


def test_sessions_side_by_side_keep_the_lines_of_both(tmp_path: Path) -> None:
    path = tmp_path / "history"
    for lines in (["mine"], ["yours", "yours\ntoo"], ["mine again"]):
        add_lines(path, lines)
    assert load_lines(path) == ["mine", "yours", "yours", "too", "mine again"]


def test_sessions_that_end_at_once_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / "history"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: add_lines(path, [f"line {number}"]), range(80)))
    assert sorted(load_lines(path)) == sorted(f"line {number}" for number in range(80))
    assert [file.name for file in tmp_path.iterdir()] == ["history"]


def test_blank_lines_and_a_line_without_an_end_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_bytes(b"one\n\n  two  \n\xff\ncut")
    assert load_lines(path) == ["one", "two", "\ufffd"]
    assert load_lines(tmp_path / "none") == []


def test_a_folder_that_cannot_be_written_is_borne(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    add_lines(tmp_path / "file" / "history", ["one"])


@given(st.lists(st.text(alphabet="ab \n", max_size=20), max_size=20))
def test_what_is_saved_comes_back(tmp_path_factory, entries: list[str]) -> None:
    path = tmp_path_factory.mktemp("h") / "history"
    add_lines(path, entries)
    lines = [line.strip() for entry in entries for line in entry.split("\n") if line.strip()]
    assert load_lines(path) == lines[-KEPT_LINES:]
