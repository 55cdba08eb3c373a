"""The session as a person sees it: the real program on a terminal, against a scripted server."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.stub_server import Answer, StubServer, stub_server
from tests.fakes.terminal import Terminal, program_on_terminal

PROMPT = ">>> Send a message (/? for help)"
SHOW = {"details": {"family": "llama"}, "capabilities": ["completion"]}


def spoken(*texts: str, hold: threading.Event | None = None) -> Answer:
    lines = [{"message": {"role": "assistant", "content": text}} for text in texts]
    return Answer(lines=lines if hold else [*lines, {"done": True}], hold=hold)


@contextmanager
def session(home: Path, answer: Answer, *, columns: int = 80, **show: object) -> Iterator[tuple[Terminal, StubServer]]:
    answers = {
        ("POST", "/api/show"): Answer({**SHOW, **show}),
        ("POST", "/api/generate"): Answer(lines=[{"done": True, "done_reason": "load"}]),
        ("POST", "/api/chat"): answer,
    }
    with (
        stub_server(answers) as stub,
        program_on_terminal("run", "m", home=home, address=stub.address, columns=columns) as terminal,
    ):
        terminal.wait_for(PROMPT)
        yield terminal, stub


def test_a_turn_and_leaving(tmp_path: Path) -> None:
    with session(tmp_path, spoken("Short ", "answer!")) as (terminal, stub):
        terminal.send("hi\r")
        terminal.wait_for(">>> hi", "Short answer!", "", PROMPT)
        terminal.send("again\r")
        terminal.wait_for(">>> again", "Short answer!", "", PROMPT)
        terminal.send("/bye\r")
        assert terminal.wait_for_end() == 0
    assert stub.bodies("/api/chat")[1]["messages"] == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "Short answer!"},
        {"role": "user", "content": "again"},
    ]
    history = tmp_path / ".ollama" / "history"
    assert history.read_text() == "hi\nagain\n/bye\n"


def test_ctrl_d_ends_and_ctrl_c_only_clears(tmp_path: Path) -> None:
    with session(tmp_path, spoken("x")) as (terminal, _):
        terminal.send("some text\x03")
        terminal.wait_for(">>> some text", "Use Ctrl + d or /bye to exit.", PROMPT)
        terminal.send("\x03")
        terminal.wait_for(">>>", "Use Ctrl + d or /bye to exit.", PROMPT)
        terminal.send("\x04")
        assert terminal.wait_for_end() == 0


def test_ctrl_c_stops_the_answer_and_not_the_session(tmp_path: Path) -> None:
    with session(tmp_path, spoken("Half an answer", hold=threading.Event())) as (terminal, stub):
        terminal.send("hi\r")
        terminal.wait_for(">>> hi", "Half an answer")
        terminal.send("\x03")
        terminal.wait_for(">>> hi", "Half an answer^C", PROMPT)
        assert stub.gone.wait(20), "the server must see that nobody listens"
        stub.answers["POST", "/api/chat"] = spoken("Whole.")
        terminal.send("again\r")
        terminal.wait_for(">>> again", "Whole.", "", PROMPT)
    assert [message["role"] for message in stub.bodies("/api/chat")[1]["messages"]] == ["user", "user"]


def test_a_block_of_lines_is_one_message(tmp_path: Path) -> None:
    with session(tmp_path, spoken("ok")) as (terminal, stub):
        terminal.send('"""one\r')
        terminal.wait_for('>>> """one', "... Press Enter to send")
        terminal.send('two"""\r')
        terminal.wait_for('>>> """one', '... two"""', "ok", "", PROMPT)
    assert stub.bodies("/api/chat")[0]["messages"][0]["content"] == "one\ntwo"


def test_a_paste_of_500_lines_is_one_message(tmp_path: Path) -> None:
    text = "\n".join(f"line {number}" for number in range(500))
    with session(tmp_path, spoken("ok")) as (terminal, stub):
        terminal.send(f"\x1b[200~{text}\x1b[201~")
        terminal.wait_for("... line 499")
        terminal.send("\r")
        terminal.wait_for("ok", "", PROMPT)
    assert stub.bodies("/api/chat")[0]["messages"][0]["content"] == text


def test_earlier_lines_come_back(tmp_path: Path) -> None:
    (tmp_path / ".ollama").mkdir()
    (tmp_path / ".ollama" / "history").write_text("from before\n")
    with session(tmp_path, spoken("ok")) as (terminal, _):
        terminal.send("\x1b[A")
        terminal.wait_for(">>> from before")


def test_thinking_is_kept_and_marked(tmp_path: Path) -> None:
    lines = [{"message": {"thinking": "I think"}}, {"message": {"content": "Yes."}}, {"done": True}]
    with session(tmp_path, Answer(lines=lines), capabilities=["completion", "thinking"]) as (terminal, stub):
        terminal.send("hi\r")
        terminal.wait_for("Thinking...", "I think", "...done thinking.", "", "Yes.", "", PROMPT)
        terminal.send("more\r")
        terminal.wait_for(">>> more", "Thinking...", "I think", "...done thinking.", "", "Yes.", "", PROMPT)
    first, second = stub.bodies("/api/chat")
    assert first["think"] is True
    assert second["messages"][1]["thinking"] == "I think"


def test_messages_of_the_model_are_shown_first(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "There."}]
    with session(tmp_path, spoken("ok"), messages=messages) as (terminal, _):
        terminal.wait_for(">>> Where?", "There.", "", PROMPT)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ('"m" does not support thinking', 'error: 400 Bad Request: "m" does not support thinking'),
        ("upstream error", "An error occurred while processing your message. Please try again."),
    ],
)
def test_an_error_that_can_be_mended_is_told(tmp_path: Path, error: str, told: str) -> None:
    with session(tmp_path, Answer({"error": error}, status=400)) as (terminal, _):
        terminal.send("hi\r")
        terminal.wait_for(*([">>> hi", told, PROMPT] if told.startswith("error") else [">>> hi", told, "", PROMPT]))


def test_any_other_error_ends_the_session(tmp_path: Path) -> None:
    with session(tmp_path, Answer({"error": "the engine fell"}, status=500)) as (terminal, _):
        terminal.send("hi\r")
        assert terminal.wait_for_end() == 1
        terminal.wait_for(">>> hi", "Error: 500 Internal Server Error: the engine fell")


def test_wide_characters_wrap_on_a_narrow_screen(tmp_path: Path) -> None:
    with session(tmp_path, spoken(*"山路很长，骆马慢慢地走。"), columns=40) as (terminal, _):
        terminal.resize(21, 24)
        terminal.send("hi\r")
        terminal.wait_for("山路很长，骆马慢", "慢地走。", "", ">>> Send a message (/", "... ? for help)")


def test_a_signal_to_end_gives_the_terminal_back(tmp_path: Path) -> None:
    with session(tmp_path, spoken("ok")) as (terminal, _):
        assert not terminal.echoes
        terminal.kill(signal.SIGTERM)
        terminal.wait_until(lambda: terminal.echoes)
        assert terminal.wait_for_end() == 143
