"""Copying: by the terminal's own sequence, or by the first program that works."""

import io
from pathlib import Path

import pytest

from tampu.terminal.clipboard import MOST_BY_TERMINAL, copy_text
from tampu.terminal.console import Console


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def console(output: io.StringIO) -> Console:
    return Console(io.StringIO(), output, io.StringIO())


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


def test_a_terminal_is_asked() -> None:
    screen = Screen()
    assert copy_text(console(screen), "höhe")
    assert screen.getvalue() == "\x1b]52;c;aMO2aGU=\x07"


def test_no_terminal_and_no_program_is_told() -> None:
    output = io.StringIO()
    assert not copy_text(console(output), "x")
    assert output.getvalue() == ""


def test_the_first_program_that_works_takes_it(path: Path, tmp_path: Path) -> None:
    program(path, "wl-copy", "exit 1")
    program(path, "xclip", f'while read -r line; do echo "$line"; done > "{tmp_path}/taken"')
    assert copy_text(console(io.StringIO()), "two\nlines\n")
    assert (tmp_path / "taken").read_text() == "two\nlines\n"


def test_what_terminals_would_ignore_is_not_sent() -> None:
    screen = Screen()
    assert not copy_text(console(screen), "x" * (MOST_BY_TERMINAL + 1))
    assert screen.getvalue() == ""
