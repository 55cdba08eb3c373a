"""The slash commands, on a session with a scripted server."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tampu.client.answers import Description, Details
from tampu.client.client import Client
from tampu.errors import BadRequest, ServerError
from tampu.messages import Message
from tampu.repl.chosen import Chosen
from tampu.repl.commands import run_command
from tampu.repl.session import Session
from tampu.repl.talk import Leave, Talk
from tampu.terminal.console import Console
from tests.fakes.stub_server import Answer, StubServer, stub_server

SHOW = {
    "details": {"family": "llama", "quantization_level": "F16"},
    "capabilities": ["completion"],
    "system": "Stored.",
}


@dataclass
class Editor:
    keeps_history: bool = True


def read_parameter(name: str, values: list[str]) -> object:
    if name == "colour":
        raise BadRequest("unknown parameter 'colour'")
    return list(values) if name == "stop" else values[0]


@contextmanager
def talking(
    answers: dict[tuple[str, str], Answer] | None = None, **session: object
) -> Iterator[tuple[Talk, StubServer]]:
    default = {
        ("POST", "/api/show"): Answer(SHOW),
        ("POST", "/api/generate"): Answer(lines=[{"done": True}]),
        ("POST", "/api/create"): Answer(lines=[{"status": "success"}]),
        ("GET", "/api/tags"): Answer({"models": [{"name": "m:latest", "size": 5, "digest": "0" * 64}]}),
    }
    console = Console(io.StringIO(), io.StringIO(), io.StringIO())
    with stub_server(default | (answers or {})) as stub:
        own = Session("m", Description(**session), Chosen())
        yield Talk(own, Client(stub.address), console, read_parameter, as_ollama=False), stub


def said(talk: Talk, *lines: str, editor: Editor | None = None) -> str:
    """What the lines print, standard output before standard error."""
    out, err = talk.console.output.tell(), talk.console.errors.tell()
    for line in lines:
        run_command(talk, editor or Editor(), line)
    return talk.console.output.getvalue()[out:] + talk.console.errors.getvalue()[err:]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("/nope", "Unknown command '/nope'. Type /? for help\n"),
        ("/x y z", "Unknown command '/x'. Type /? for help\n"),
        ("/", "Unknown command '/'. Type /? for help\n"),
        ("/set nope", "Unknown command '/set nope'. Type /? for help\n"),
        ("/show nope", "Unknown command '/show nope'. Type /? for help\n"),
        ("/load", "Usage:\n  /load <modelname>\n"),
        ("/save a b", "Usage:\n  /save <modelname>\n"),
        ("/save bad!name", "error: The model name 'bad!name' is invalid\n"),
        ("/clear", "Cleared session context\n"),
        ("/set wordwrap extra", "Set 'wordwrap' mode.\n"),
        ("/set format xml", "Invalid or missing format. For 'json' mode use '/set format json'\n"),
        ("/set parameter colour red", "Couldn't set parameter: \"unknown parameter 'colour'\"\n"),
        ("/set parameter stop A B", "Set parameter 'stop' to 'A, B'\n"),
        ("/? nothing", ""),
        ("/set history", ""),
        ("/show system", "Stored.\n\n"),
        ("/show license", "No license was specified for this model.\n"),
        ("/listing z", "NAME    ID    SIZE    MODIFIED \n"),
    ],
)
def test_what_a_command_says(line: str, text: str) -> None:
    with talking() as (talk, _):
        assert said(talk, line) == text


@pytest.mark.parametrize("line", ["/bye", "/exit", "/byebye"])
def test_leaving(line: str) -> None:
    with talking() as (talk, _), pytest.raises(Leave):
        run_command(talk, Editor(), line)


def test_settings_reach_the_next_request() -> None:
    with talking() as (talk, _):
        said(talk, "/set think high", "/set format json", "/set parameter stop A B", "/set system  You are   a llama.")
        talk.session.say("hi", [])
        turn = talk.session.turn()
    assert (turn["think"], bytes(turn["format"]), turn["options"]) == ("high", b'"json"', {"stop": ["A", "B"]})
    assert turn["messages"] == [
        {"role": "system", "content": "You are a llama."},
        {"role": "user", "content": "hi"},
    ]


def test_a_system_message_replaces_one_just_before_it() -> None:
    with talking() as (talk, _):
        said(talk, "/set system one", '/set system """two\n  lines"""')
        assert talk.session.messages == [{"role": "system", "content": "two\n  lines"}]
        said(talk, '/set system """\nbelow\nthe quotes"""')
        assert talk.session.system == "below\nthe quotes"
        talk.session.say("hi", [])
        said(talk, "/set system three", "/clear")
        assert talk.session.messages == [{"role": "system", "content": "three"}]


def test_think_warns_of_a_model_that_does_not() -> None:
    with talking() as (talk, _):
        assert said(talk, "/set think") == (
            "Set 'think' mode.\nwarning: model \"m\" does not support thinking output\n"
        )
    with talking(capabilities=["thinking"]) as (talk, _):
        assert said(talk, "/set think low") == "Set 'think' mode to 'low'.\n"


def test_saving_sends_the_session() -> None:
    described = {"details": Details(parent_model="base"), "messages": [Message("user", "old")]}
    with talking(**described) as (talk, stub):
        said(talk, "/set system Be brief.", "/set parameter seed 7")
        talk.session.say("new", [])
        assert said(talk, "/save mine") == "Created new model 'mine'\n"
        (body,) = stub.bodies("/api/create")
    assert body == {
        "model": "mine",
        "from": "base",
        "system": "Be brief.",
        "parameters": {"seed": "7"},
        "messages": [{"role": "user", "content": "old"}, {"role": "user", "content": "new"}],
    }


def test_loading_keeps_what_was_set_and_drops_the_talk() -> None:
    with talking() as (talk, _):
        said(talk, "/set parameter seed 7")
        talk.session.say("hi", [])
        assert said(talk, "/load other") == "Loading model 'other'\n"
        assert (talk.session.model, talk.session.messages, talk.session.options) == ("other", [], {"seed": "7"})


def test_a_model_that_cannot_be_loaded_leaves_the_session_as_it_was() -> None:
    missing = Answer({"error": "model 'nobody' not found"}, status=404)
    with talking({("POST", "/api/show"): missing}) as (talk, _):
        assert said(talk, "/load nobody") == "Loading model 'nobody'\nCouldn't find model 'nobody'\n"
        assert talk.session.model == "m"


def test_other_errors_end_the_session() -> None:
    broken = Answer({"error": "broken"}, status=500)
    with talking({("POST", "/api/create"): broken}) as (talk, _), pytest.raises(ServerError):
        run_command(talk, Editor(), "/save mine")


def test_history_can_be_switched() -> None:
    editor = Editor()
    with talking() as (talk, _):
        said(talk, "/set nohistory", editor=editor)
        assert editor.keeps_history is False
        said(talk, "/set history", editor=editor)
        assert editor.keeps_history is True


@pytest.mark.parametrize(
    "line", ["/?", "/help", "/? set", "/? show", "/? shortcuts", "/? more", "/set", "/show", "/set parameter"]
)
def test_listings_go_to_standard_error(line: str) -> None:
    with talking() as (talk, _):
        assert said(talk, line).startswith("Available ")
        assert talk.console.output.getvalue() == ""


def test_parameters_are_shown_in_two_groups() -> None:
    shown = Answer({**SHOW, "parameters": "num_ctx                        1024"})
    with talking({("POST", "/api/show"): shown}) as (talk, _):
        said(talk, "/set parameter stop X Y")
        assert said(talk, "/show parameters") == (
            "Model defined parameters:\n  num_ctx                        1024\n\n"
            "User defined parameters:\n  stop                           [X Y]\n\n"
        )
