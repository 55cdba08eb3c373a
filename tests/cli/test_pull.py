"""pull: bars, limits, and what was not finished."""

import json
import signal
import threading
from pathlib import Path

import pytest

from tests.cli.program import run_program
from tests.fakes.stub_server import Answer, stub_server
from tests.fakes.terminal import program_on_terminal

DONE = Answer(lines=[{"status": "pulling manifest"}, {"status": "success"}])
PARTIALS = [
    {"model": "me/big:v1", "digest": f"sha256:{'a' * 64}", "size": 2_000_000, "completed": 500_000,
     "modified_at": "2020-01-01T00:00:00Z", "running": False},
    {"model": "", "digest": f"sha256:{'b' * 64}", "size": 0, "completed": 0, "modified_at": "", "running": True},
]  # fmt: skip
BEGUN = {("GET", "/api/partials"): Answer({"partials": PARTIALS})}


def test_a_limit_goes_to_the_server(tmp_path: Path) -> None:
    with stub_server({("POST", "/api/pull"): DONE}) as stub:
        for words, body in [
            (("x",), {"model": "x"}),
            (("x", "--limit-rate", "5M"), {"model": "x", "limit_rate": "5M"}),
            (("--limit-rate=1.5k", "x", "--insecure"), {"model": "x", "insecure": True, "limit_rate": "1.5k"}),
        ]:
            assert run_program("pull", *words, home=tmp_path, address=stub.address).returncode == 0
            assert stub.bodies("/api/pull")[-1] == body


def test_a_limit_that_is_none_is_refused_here(tmp_path: Path) -> None:
    with stub_server({("POST", "/api/pull"): DONE}) as stub:
        done = run_program("pull", "x", "--limit-rate", "fast", home=tmp_path, address=stub.address)
        assert (done.returncode, stub.bodies("/api/pull")) == (1, [])
        assert done.stderr.startswith(b"Error: invalid rate 'fast'")


def test_a_signal_to_end_shows_the_cursor_again(tmp_path: Path) -> None:
    lines = [{"status": "pulling x", "digest": "sha256:" + "a" * 64, "total": 100, "completed": 10}]
    answers = {("POST", "/api/pull"): Answer(lines=lines, hold=threading.Event())}
    with (
        stub_server(answers) as stub,
        program_on_terminal("pull", "m", home=tmp_path, address=stub.address) as terminal,
    ):
        terminal.wait_until(lambda: any("10%" in line for line in terminal.lines) and terminal.hides_cursor)
        terminal.kill(signal.SIGTERM)
        assert terminal.wait_for_end() == 143
        assert not terminal.hides_cursor
    assert stub.gone.wait(20), "the server must see that nobody listens"


def test_what_was_not_finished_is_listed(tmp_path: Path) -> None:
    with stub_server(BEGUN) as stub:
        done = run_program("pull", "--list-partial", home=tmp_path, address=stub.address)
        assert done.returncode == 0
        header, first, second = done.stdout.decode().splitlines()
        assert header.split() == ["NAME", "LAYER", "SIZE", "DONE", "MODIFIED"]
        assert first.split()[:5] == ["me/big:v1", "a" * 12, "2", "MB", "25%"]
        assert second.split() == ["-", "b" * 12, "-", "-", "running"]
        done = run_program("pull", "--list-partial", "--json", home=tmp_path, address=stub.address)
        assert json.loads(done.stdout) == PARTIALS


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), b"Error: accepts 1 arg(s), received 0\n"),
        (("a", "b"), b"Error: accepts 1 arg(s), received 2\n"),
        (("--list-partial", "a"), b"Error: accepts 0 arg(s), received 1\n"),
    ],
)
def test_wrong_words(tmp_path: Path, words: tuple[str, ...], message: bytes) -> None:
    with stub_server(BEGUN) as stub:
        done = run_program("pull", *words, home=tmp_path, address=stub.address)
        assert (done.returncode, done.stderr) == (1, message)


@pytest.mark.parametrize("command", ["pull", "push"])
@pytest.mark.parametrize(
    ("said", "hint"),
    [
        (
            'realm host "auth.example" does not match original host "hub.example"',
            b"The registry has its tokens given",
        ),
        ("dial tcp: lookup hub.example: no such host", b"There seems to be no way to that host"),
    ],
)
def test_what_can_be_done_is_said_below(tmp_path: Path, command: str, said: str, hint: bytes) -> None:
    refusal = Answer(lines=[{"status": "pulling manifest"}, {"error": said}])
    with stub_server({("POST", f"/api/{command}"): refusal}) as stub:
        done = run_program(command, "hub.example/me/x", home=tmp_path, address=stub.address)
        assert done.returncode == 1
        assert f"Error: {said}\n\n".encode() + hint in done.stderr
