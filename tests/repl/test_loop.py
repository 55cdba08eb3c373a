"""The session as a person sees it: the real program on a terminal, against a scripted server."""

import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from tests.fakes.stub_server import Answer, StubServer, stub_server
from tests.fakes.terminal import Terminal, environment, program_on_terminal

PROMPT = ">>> Send a message (/? for help)"
SHOW = {"details": {"family": "llama"}, "capabilities": ["completion"]}


def spoken(*texts: str, hold: threading.Event | None = None) -> Answer:
    lines = [{"message": {"role": "assistant", "content": text}} for text in texts]
    return Answer(lines=lines if hold else [*lines, {"done": True}], hold=hold)


@contextmanager
def session(
    home: Path,
    answer: Answer,
    *,
    columns: int = 80,
    rows: int = 24,
    prompt: str = PROMPT,
    variables: dict[str, str] | None = None,
    **show: object,
) -> Iterator[tuple[Terminal, StubServer]]:
    answers = {
        ("POST", "/api/show"): Answer({**SHOW, **show}),
        ("POST", "/api/generate"): Answer(lines=[{"done": True, "done_reason": "load"}]),
        ("POST", "/api/chat"): answer,
        ("POST", "/api/me"): Answer({"name": "ann"}),
    }
    with (
        stub_server(answers) as stub,
        program_on_terminal(
            "run", "m", home=home, address=stub.address, columns=columns, rows=rows, **(variables or {})
        ) as terminal,
    ):
        terminal.wait_until(lambda: any(line.startswith(prompt) for line in terminal.lines))
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


def test_an_error_in_an_answer_has_a_line_of_its_own(tmp_path: Path) -> None:
    broken = Answer(lines=[{"message": {"content": "Half an answer"}}, {"error": "upstream error"}])
    with session(tmp_path, broken) as (terminal, stub):
        terminal.send("hi\r")
        told = "An error occurred while processing your message. Please try again."
        terminal.wait_for(">>> hi", "Half an answer", told, "", PROMPT)
        stub.answers["POST", "/api/chat"] = Answer(lines=[{"message": {"content": "Half"}}, {"error": "it broke"}])
        terminal.send("again\r")
        assert terminal.wait_for_end() == 1
        assert terminal.lines[-3:] == [">>> again", "Half", "Error: it broke"]


def test_a_block_of_lines_is_one_message(tmp_path: Path) -> None:
    with session(tmp_path, spoken("ok")) as (terminal, stub):
        terminal.send('"""one\r')
        terminal.wait_for('>>> """one', "... Press Enter to send")
        terminal.send('two"""\r')
        terminal.wait_for('>>> """one', '... two"""', "ok", "", PROMPT)
    assert stub.bodies("/api/chat")[0]["messages"][0]["content"] == "one\ntwo"


def test_bytes_that_are_no_text_are_sent_as_far_as_they_are(tmp_path: Path) -> None:
    with session(tmp_path, spoken("yes")) as (terminal, stub):
        terminal.send_bytes(b"gr\xfc\xdfe\r")
        terminal.wait_for(">>> gr\ufffd\ufffde", "yes", "", PROMPT)
        terminal.send(f"/export {tmp_path / 'kept.md'}\r")
        terminal.wait_until(lambda: any("Wrote the conversation" in line for line in terminal.lines))
    assert stub.bodies("/api/chat")[0]["messages"] == [{"role": "user", "content": "gr\ufffd\ufffde"}]
    assert "gr\ufffd\ufffde" in (tmp_path / "kept.md").read_text("utf-8")
    assert (tmp_path / ".ollama/history").read_text("utf-8").startswith("gr\ufffd\ufffde\n")


def test_a_paste_of_500_lines_is_one_message(tmp_path: Path) -> None:
    text = "\n".join(f"line {number}" for number in range(500))
    with session(tmp_path, spoken("ok")) as (terminal, stub):
        terminal.send(f"\x1b[200~{text}\x1b[201~")
        terminal.wait_for("... line 499")
        terminal.send("\r")
        terminal.wait_for("ok", "", PROMPT)
    assert stub.bodies("/api/chat")[0]["messages"][0]["content"] == text


def test_ctrl_d_leaves_on_an_empty_line_of_a_block_too(tmp_path: Path) -> None:
    with session(tmp_path, spoken("ok")) as (terminal, stub):
        terminal.send('"""one\r')
        terminal.wait_for('>>> """one', "... Press Enter to send")
        terminal.send("\x04")
        assert terminal.wait_for_end() == 0
    assert stub.bodies("/api/chat") == []


def test_a_line_that_was_typed_twice_comes_back_twice(tmp_path: Path) -> None:
    with session(tmp_path, spoken("ok")) as (terminal, _):
        shown: list[str] = []
        for word in ("first", "same", "same"):
            terminal.send(f"{word}\r")
            shown += [f">>> {word}", "ok", ""]
            terminal.wait_for(*shown, PROMPT)
        terminal.send("\x1b[A\x1b[A")
        terminal.wait_for("ok", "", ">>> same")
        terminal.send("\x1b[A")
        terminal.wait_for("ok", "", ">>> first")


def test_words_end_at_blanks(tmp_path: Path) -> None:
    with session(tmp_path, spoken("ok")) as (terminal, _):
        terminal.send("foo-bar baz.qux")
        terminal.wait_for(">>> foo-bar baz.qux")
        terminal.send("\x1bbX\x1bfY")
        terminal.wait_for(">>> foo-bar Xbaz.quxY")
        terminal.send("\x17")
        terminal.wait_for(">>> foo-bar")
        terminal.send("\x1b\x7f")
        terminal.wait_for(PROMPT)


def test_the_stored_conversation_is_wrapped(tmp_path: Path) -> None:
    stored = [
        {"role": "system", "content": "unseen"},
        {"role": "user", "content": "Where is the tampu, and how far is it from here?"},
        {"role": "assistant", "content": "Behind the second bridge, where the llamas are."},
    ]
    with session(tmp_path, spoken("ok"), columns=40, messages=stored) as (terminal, _):
        shown = [line.rstrip() for line in terminal.lines]
        assert shown[:2] == [">>> Where is the tampu, and how far is i", "t from here?"]
        assert shown[2:4] == ["Behind the second bridge, where", "the llamas are."]


def test_a_choice_about_thinking_outlives_another_model(tmp_path: Path) -> None:
    with session(tmp_path, spoken("ok"), capabilities=["completion", "thinking"]) as (terminal, stub):
        terminal.send("/set nothink\r")
        terminal.wait_for("Set 'nothink' mode.", PROMPT)
        terminal.send("/set system Be brief.\r")
        terminal.wait_for("Set system message.", PROMPT)
        terminal.send("/load other\r")
        terminal.wait_for("Loading model 'other'", PROMPT)
        terminal.send("hi\r")
        terminal.wait_for("ok", "", PROMPT)
    loads = stub.bodies("/api/generate")
    assert [body["think"] for body in loads] == [True, False]
    (turn,) = stub.bodies("/api/chat")
    assert turn["think"] is False
    assert turn["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]


def test_earlier_lines_come_back(tmp_path: Path) -> None:
    (tmp_path / ".ollama").mkdir()
    (tmp_path / ".ollama" / "history").write_text("from before\n")
    with session(tmp_path, spoken("ok")) as (terminal, _):
        terminal.send("\x1b[A")
        terminal.wait_for(">>> from before")


def test_earlier_lines_are_found(tmp_path: Path) -> None:
    (tmp_path / ".ollama").mkdir()
    (tmp_path / ".ollama" / "history").write_text("the llama\nthe mule\n")
    with session(tmp_path, spoken("ok")) as (terminal, stub):
        terminal.send("\x12lla")
        terminal.wait_for(">>> the llama", "I-search backward: lla")
        terminal.send("\r")
        terminal.wait_for(">>> the llama")
        terminal.send("\r")
        terminal.wait_for("ok", "", PROMPT)
    assert stub.bodies("/api/chat")[0]["messages"][0]["content"] == "the llama"


def test_what_was_cut_comes_back(tmp_path: Path) -> None:
    with session(tmp_path, spoken("ok")) as (terminal, _):
        for cut, left in (("\x17", ">>> one"), ("\x15", PROMPT), ("\x01\x0b", PROMPT)):
            terminal.send("one two")
            terminal.wait_for(">>> one two")
            terminal.send(cut)
            terminal.wait_for(left)
            terminal.send("\x19")
            terminal.wait_for(">>> one two")
            terminal.send("\x05\x15")
            terminal.wait_for(PROMPT)


def test_ctrl_u_on_an_empty_line_keeps_the_line_above(tmp_path: Path) -> None:
    with session(tmp_path, spoken("ok")) as (terminal, _):
        terminal.send("one")
        terminal.wait_for(">>> one")
        terminal.send("\n")
        terminal.wait_for(">>> one", "... Press Enter to send")
        terminal.send("\x15x")
        terminal.wait_for(">>> one", "... x")


def test_lines_that_a_program_writes_are_sent(tmp_path: Path) -> None:
    with session(tmp_path, spoken("ok")) as (terminal, stub):
        terminal.send("first\nsecond\n")
        terminal.wait_for(">>> second", "ok", "", PROMPT)
    assert [body["messages"][-1]["content"] for body in stub.bodies("/api/chat")] == ["first", "second"]


def test_an_editor_changes_what_was_typed(tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "one\\ntwo\\n" > "$1"\n')
    editor.chmod(0o755)
    with session(tmp_path, spoken("ok"), variables={"OLLAMA_EDITOR": "", "VISUAL": str(editor)}) as (terminal, stub):
        terminal.send("draft\x07")
        terminal.wait_for(">>> one", "... two")
        terminal.send("\r")
        terminal.wait_for("ok", "", PROMPT)
    assert stub.bodies("/api/chat")[0]["messages"][0]["content"] == "one\ntwo"


def test_a_long_prompt_is_told_while_it_is_read(tmp_path: Path) -> None:
    hold = threading.Event()
    reading = Answer(lines=[{"progress": {"prompt_tokens": 20_000, "processed": 8192, "cached": 0}}], hold=hold)
    with session(tmp_path, reading) as (terminal, stub):
        terminal.send("hi\r")
        terminal.wait_until(lambda: terminal.lines[-1].startswith("reading the prompt 40% of 20000 tokens"))
        terminal.send("\x03")
        terminal.wait_until(lambda: terminal.lines[-1].endswith(PROMPT))
        assert not any("reading" in line for line in terminal.lines)
    assert stub.bodies("/api/chat")[0]["progress"] is True


def test_ten_columns_are_enough(tmp_path: Path) -> None:
    with session(tmp_path, spoken("A caravan ", "of seventeen llamas."), columns=10, prompt=">>> Send", rows=40) as (
        terminal,
        _,
    ):
        terminal.send("hi\r")
        terminal.wait_until(lambda: "".join(terminal.lines).count("Send") == 1 and "llamas." in "".join(terminal.lines))
        terminal.send("/bye\r")
        assert terminal.wait_for_end() == 0


def test_a_screen_that_changes_its_size_while_typing(tmp_path: Path) -> None:
    with session(tmp_path, spoken("ok")) as (terminal, stub):
        terminal.send("x" * 60)
        terminal.wait_for(f">>> {'x' * 60}")
        terminal.resize(40, 24)
        terminal.send("y")
        terminal.wait_until(lambda: any(line.endswith("xy") for line in terminal.lines))
        terminal.send("\r")
        terminal.wait_for("ok", "", PROMPT)
    assert stub.bodies("/api/chat")[0]["messages"][0]["content"] == "x" * 60 + "y"


@pytest.mark.parametrize(
    ("place", "notice"),
    [
        ("http://gpu.example:11434", "Connecting to 'big' on 'http://gpu.example:11434'"),
        ("https://ollama.com:443", "Connecting to 'big' on 'ollama.com' ⚡"),
    ],
)
def test_a_model_that_another_machine_runs(tmp_path: Path, place: str, notice: str) -> None:
    with session(tmp_path, spoken("ok"), remote_host=place, remote_model="big") as (terminal, stub):
        assert terminal.lines == [notice, PROMPT]
        assert stub.bodies("/api/generate") == [], "nothing is loaded here"


@pytest.mark.parametrize(("variables", "colours"), [({}, {"default", "8a8a8a"}), ({"NO_COLOR": "1"}, {"default"})])
def test_colours_can_be_switched_off(tmp_path: Path, variables: dict[str, str], colours: set[str]) -> None:
    thinking = Answer(lines=[{"message": {"thinking": "hm"}}, {"message": {"content": "Yes"}}, {"done": True}])
    with session(tmp_path, thinking, variables=variables) as (terminal, _):
        terminal.send("hi\r")
        terminal.wait_for("...done thinking.", "", "Yes", "", PROMPT)
        assert terminal.colours == colours


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
        terminal.wait_for("山路很长，骆马慢", "慢地走。", "", ">>> Send a message (")


def test_a_signal_to_end_gives_the_terminal_back(tmp_path: Path) -> None:
    with session(tmp_path, spoken("ok")) as (terminal, _):
        assert not terminal.echoes
        terminal.kill(signal.SIGTERM)
        terminal.wait_until(lambda: terminal.echoes)
        assert terminal.wait_for_end() == 143


@pytest.mark.skipif(shutil.which("bash") is None, reason="only a shell with job control can suspend a program")
def test_ctrl_z_gives_the_terminal_to_the_shell_and_back(tmp_path: Path) -> None:
    answers = {
        ("POST", "/api/show"): Answer(SHOW),
        ("POST", "/api/generate"): Answer(lines=[{"done": True}]),
        ("POST", "/api/chat"): spoken("ok"),
    }
    with stub_server(answers) as stub:
        variables = {**environment(tmp_path, stub.address), "PS1": "$ "}
        shell = pexpect.spawn("bash", ["--norc", "-i"], env=variables, dimensions=(24, 80), encoding="utf-8")
        shell.delaybeforesend = None
        terminal = Terminal(shell, 80, 24)
        try:
            terminal.send(f"{sys.executable} -m tampu run m\r")
            terminal.wait_until(lambda: terminal.lines[-1:] == [PROMPT])
            terminal.send("half a ")
            terminal.wait_for(">>> half a")
            terminal.send("\x1a")
            terminal.wait_until(lambda: terminal.lines[-1:] == ["$"])
            terminal.send("echo the shell\r")
            terminal.wait_for("the shell", "$")
            terminal.send("fg\r")
            terminal.wait_for(">>> half a")
            terminal.send("message\r")
            terminal.wait_for(">>> half a message", "ok", "", PROMPT)
        finally:
            shell.close(force=True)
