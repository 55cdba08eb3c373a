"""/retry, /undo, /copy and /export."""

import json
from pathlib import Path

import pytest

from tests.fakes.stub_server import Answer
from tests.repl.test_commands import said, talking

CHAT = ("POST", "/api/chat")


def answer(text: str) -> Answer:
    return Answer(lines=[{"message": {"content": text}}, {"done": True}])


def test_retry_asks_again_without_the_last_answer() -> None:
    with talking({CHAT: answer("Better.")}) as (talk, stub):
        talk.session.say("hi", [])
        talk.session.hear("Bad.")
        talk.session.instruct("Be good.")
        assert said(talk, "/retry") == "Better.\n\n"
        (body,) = stub.bodies("/api/chat")
        assert [message["content"] for message in body["messages"]] == ["hi", "Be good."]
        assert talk.session.messages[-1] == {"role": "assistant", "content": "Better."}


def test_retry_answers_what_was_stopped() -> None:
    with talking({CHAT: answer("Now.")}) as (talk, stub):
        talk.session.say("hi", [])
        assert said(talk, "/retry") == "Now.\n\n"
        assert stub.bodies("/api/chat")[0]["messages"] == [{"role": "user", "content": "hi"}]


def test_undo_takes_back_one_exchange_at_a_time() -> None:
    with talking() as (talk, _):
        for word in ("one", "two\nlines"):
            talk.session.say(word, [])
            talk.session.hear("yes")
        assert said(talk, "/undo") == "Took back 'two lines' and its answer.\n"
        assert said(talk, "/undo") == "Took back 'one' and its answer.\n"
        assert talk.session.messages == []
        assert said(talk, "/undo") == "There is nothing to take back.\n"
        assert said(talk, "/retry") == "There is nothing to answer yet.\n"


def test_instructions_survive_an_undo() -> None:
    with talking() as (talk, _):
        talk.session.say("x" * 50, [])
        said(talk, "/set system Be brief.")
        assert said(talk, "/undo") == f"Took back '{'x' * 40}...' and its answer.\n"
        assert talk.session.messages == [{"role": "system", "content": "Be brief."}]


def test_copy_without_a_clipboard_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with talking() as (talk, _):
        assert said(talk, "/copy") == "There is no answer to copy yet.\n"
        talk.session.hear("yes")
        assert said(talk, "/copy").startswith("error: there is no clipboard here; /export FILE keeps")


def test_export_by_the_name_of_the_file(tmp_path: Path) -> None:
    with talking() as (talk, _):
        talk.session.say("hi", [])
        text, data = tmp_path / "my talk.md", tmp_path / "talk.JSON"
        assert said(talk, f"/export {text}") == f"Wrote the conversation to {text}.\n"
        assert said(talk, f"/export {data}") == f"Wrote the conversation to {data}.\n"
    assert text.read_text() == "# m\n\n## You\n\nhi\n"
    assert json.loads(data.read_text())["messages"] == [{"role": "user", "content": "hi"}]
    assert text.stat().st_mode & 0o777 == 0o600, "a conversation is private"


def test_export_replaces_nothing_unasked(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("mine")
    with talking() as (talk, _):
        assert said(talk, f"/export {path}") == f"error: {path} is there already; /export -f {path} replaces it\n"
        assert path.read_text() == "mine"
        assert said(talk, f"/export -f {path}") == f"Wrote the conversation to {path}.\n"
        assert path.read_text() == "# m\n"
        assert said(talk, "/export") == "Usage:\n  /export [-f] <file>\n"
        assert said(talk, f"/export {tmp_path}/no/a.md") == (
            f"error: cannot write {tmp_path}/no/a.md: no such file or directory\n"
        )


def test_longer_words_are_no_commands_of_ours() -> None:
    with talking() as (talk, _):
        assert said(talk, "/copyright") == "Unknown command '/copyright'. Type /? for help\n"


def test_speed_is_told_on_request() -> None:
    counted = Answer(
        lines=[{"message": {"content": "Yes"}}, {"done": True, "eval_count": 50, "eval_duration": 2 * 10**9}]
    )
    with talking({CHAT: counted}) as (talk, _):
        talk.console.colour = False
        assert said(talk, "/set speed") == "Set 'speed' mode.\n"
        talk.session.say("hi", [])
        assert said(talk, "/retry") == "Yes\n\n25.00 tokens/s, 50 tokens\n"
        assert said(talk, "/set nospeed") == "Set 'nospeed' mode.\n"
