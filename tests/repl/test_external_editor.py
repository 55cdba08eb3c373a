"""Ctrl-G: which editor, and what becomes of what it leaves."""

import signal
import tempfile
from pathlib import Path

import pytest

from tampu.errors import BadRequest
from tampu.repl.external_editor import edited, editor_words


def script(folder: Path, text: str) -> str:
    path = folder / "my editor"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return f'"{path}"'


def test_the_first_wish_that_says_something(tmp_path: Path) -> None:
    mine = script(tmp_path, "true")
    assert editor_words("", "  ", f"{mine} --wait", "nothing") == [str(tmp_path / "my editor"), "--wait"]


def test_an_editor_that_is_not_there() -> None:
    with pytest.raises(BadRequest, match='editor "no-such" not found, set OLLAMA_EDITOR to the path of your preferred'):
        editor_words("no-such --flag")


def test_the_text_as_it_was_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    words = editor_words(script(tmp_path, 'cat "$1" > seen; printf "one\\ntwo\\n\\n" > "$1"'))
    monkeypatch.chdir(tmp_path)
    assert edited("before", words) == "one\ntwo"
    assert (tmp_path / "seen").read_text() == "before"
    assert not list(tmp_path.glob("ollama-prompt-*")), "nothing that was typed stays on the disk"


def test_an_editor_that_fails(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="editor exited with error: exit status 3"):
        edited("x", editor_words(script(tmp_path, "exit 3")))
    with pytest.raises(BadRequest, match="editor exited with error: "):
        edited("x", editor_words(script(tmp_path, 'rm "$1"')))


def test_ctrl_c_in_the_editor_is_the_editors(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    words = editor_words(script(tmp_path, 'kill -INT $PPID; printf kept > "$1"'))
    assert edited("x", words) == "kept"
    assert signal.getsignal(signal.SIGINT) is before
