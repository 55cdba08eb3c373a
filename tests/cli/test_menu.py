"""The menu of plain `tampu` as a person sees it: the real program on a terminal, against a scripted server."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tampu.cli.menu_pages import models_page, offers_page
from tampu.client.answers import ListedModel, LoadedModel, Offer, Offers, RoomForModels
from tests.cli.program import NOWHERE, run_program
from tests.fakes.stub_server import Answer, StubServer, stub_server
from tests.fakes.terminal import Terminal, program_on_terminal

GB = 10**9
MENU = "▸ Chat with a model  one that is stored here"
FOOT = "↑/↓ move • enter choose • esc back • ctrl-c quit"
KEY = "Press any key for the menu."
DOWN, ESCAPE, CTRL_C = "\x1b[B", "\x1b", "\x03"


@contextmanager
def menu(
    home: Path, *arguments: str, columns: int = 80, rows: int = 24, **variables: str
) -> Iterator[tuple[Terminal, StubServer]]:
    answers = {
        ("GET", "/api/tags"): Answer({"models": [{"name": "a:latest", "size": 5 * GB}, {"name": "b:1", "size": GB}]}),
        ("GET", "/api/ps"): Answer({"models": [{"name": "b:1"}]}),
        ("GET", "/api/catalog"): Answer(
            {"models": [{"name": "small", "size": GB}], "memory": {"total": 16 * GB, "available": 8 * GB}}
        ),
        ("POST", "/api/show"): Answer({"details": {"family": "llama"}, "capabilities": ["completion"]}),
        ("POST", "/api/generate"): Answer(lines=[{"done": True}]),
        ("POST", "/api/chat"): Answer(lines=[{"message": {"content": "Hello."}}, {"done": True}]),
        ("POST", "/api/pull"): Answer(lines=[{"status": "pulling manifest"}, {"status": "success"}]),
        ("POST", "/api/copy"): Answer({}),
        ("DELETE", "/api/delete"): Answer({}),
    }
    with (
        stub_server(answers) as stub,
        program_on_terminal(
            *arguments, home=home, address=stub.address, columns=columns, rows=rows, **variables
        ) as terminal,
    ):
        yield terminal, stub


def at_start(terminal: Terminal) -> None:
    terminal.wait_until(lambda: any(line.startswith("▸ Chat") for line in terminal.lines))


def test_chatting(tmp_path: Path) -> None:
    with menu(tmp_path, "--verbose") as (terminal, stub):
        terminal.wait_until(lambda: MENU in terminal.lines and FOOT in terminal.lines)
        terminal.send("\r")
        terminal.wait_until(lambda: "▸ b:1       1 GB, in memory" in terminal.lines)
        terminal.send("\r")
        terminal.wait_for("$ tampu run b:1 --verbose", ">>> Send a message (/? for help)")
        terminal.send("hi\r")
        terminal.wait_until(lambda: "Hello." in terminal.lines)
        terminal.send("/bye\r")
        at_start(terminal)
        terminal.send(ESCAPE)
        assert terminal.wait_for_end() == 0
        assert terminal.lines == []
    assert stub.bodies("/api/chat")[0]["model"] == "b:1"


def test_getting_a_model(tmp_path: Path) -> None:
    with menu(tmp_path) as (terminal, stub):
        at_start(terminal)
        terminal.send(DOWN + "\r")
        terminal.wait_until(lambda: "▸ small  1 GB, fits" in terminal.lines)
        terminal.send("llama3.2:1b\r")
        terminal.wait_for("$ tampu pull llama3.2:1b", "pulling manifest", "success", KEY)
        terminal.send(" ")
        terminal.wait_until(lambda: any(line.startswith("▸ Get a model") for line in terminal.lines))
        terminal.send(CTRL_C)
        assert terminal.wait_for_end() == 0
    assert stub.bodies("/api/pull") == [{"model": "llama3.2:1b"}]


def test_managing_models(tmp_path: Path) -> None:
    with menu(tmp_path) as (terminal, stub):
        at_start(terminal)
        terminal.send("jj\ra:l\r")
        terminal.wait_until(lambda: "▸ Show    what is known of it" in terminal.lines)
        terminal.send(DOWN + "\r" + "second" + "\r")
        terminal.wait_until(lambda: terminal.lines[-2:] == ["copied 'a:latest' to 'second'", KEY])
        terminal.send(" ")
        terminal.wait_until(lambda: any(line.startswith("▸ Manage") for line in terminal.lines))
        terminal.send("\ra:l\r" + DOWN * 2 + "\r")
        terminal.wait_until(lambda: terminal.lines[:1] == ["Remove a:latest?"])
        terminal.send("\r")
        terminal.wait_until(lambda: terminal.lines[:1] == ["Manage models"])
        assert stub.bodies("/api/delete") == []
        terminal.send("a:l\r" + DOWN * 2 + "\r" + DOWN + "\r")
        terminal.wait_until(lambda: terminal.lines[-2:] == ["deleted 'a:latest'", KEY])
    assert stub.bodies("/api/delete") == [{"model": "a:latest"}]


def test_who_has_no_model_is_shown_what_there_is(tmp_path: Path) -> None:
    with menu(tmp_path) as (terminal, stub):
        stub.answers["GET", "/api/tags"] = Answer({"models": []})
        at_start(terminal)
        terminal.send("\r")
        terminal.wait_until(lambda: terminal.lines[:1] == ["Get a model"])
        terminal.send(ESCAPE)
        at_start(terminal)


def test_an_error_is_a_page(tmp_path: Path) -> None:
    with menu(tmp_path) as (terminal, stub):
        at_start(terminal)
        stub.answers["GET", "/api/tags"] = Answer({"error": "the folder is gone"}, status=500)
        terminal.send("\r")
        terminal.wait_until(lambda: terminal.lines[:3] == ["Error", "", "the folder is gone"])
        terminal.send("\r")
        at_start(terminal)


def test_a_terminal_that_changes_its_size(tmp_path: Path) -> None:
    with menu(tmp_path) as (terminal, _):
        at_start(terminal)
        terminal.resize(10, 24)
        terminal.wait_until(lambda: "▸ Chat wit" in terminal.lines and "  Settings" in terminal.lines)
        terminal.resize(40, 6)
        terminal.wait_until(lambda: len(terminal.lines) == 6 and terminal.lines[2].startswith("▸ Chat with a model"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_gives_the_terminal_back(tmp_path: Path, number: int) -> None:
    with menu(tmp_path) as (terminal, _):
        at_start(terminal)
        assert not terminal.echoes
        terminal.kill(number)
        terminal.wait_until(lambda: terminal.echoes)
        assert terminal.wait_for_end() == (143 if number == signal.SIGTERM else 0)
        assert terminal.lines == []


def test_no_colours(tmp_path: Path) -> None:
    with menu(tmp_path, NO_COLOR="1") as (terminal, _):
        at_start(terminal)
        assert terminal.colours == {"default"}


def test_without_a_terminal_there_is_the_page(tmp_path: Path) -> None:
    done = run_program(home=tmp_path, address=NOWHERE)
    assert done.stdout.startswith(b"Large language model runner\n\nUsage:\n  tampu [flags]\n")
    assert done.returncode == 0


def test_without_a_server_it_says_so(tmp_path: Path) -> None:
    with program_on_terminal(home=tmp_path, address=NOWHERE) as terminal:
        assert terminal.wait_for_end() == 0
        terminal.wait_for("Error: could not connect to tampu server, run 'tampu serve' to start it")


def test_models_in_memory_come_first() -> None:
    page = models_page("", [ListedModel(name="a"), ListedModel(name="b", remote_model="x")], [LoadedModel(name="b")])
    assert [(row.value, row.note) for row in page.rows] == [("b", "elsewhere, in memory"), ("a", "0 B")]
    assert models_page("", [], []).lead


def test_what_fits_comes_first() -> None:
    models = [Offer("big", 20 * GB), Offer("middle", 10 * GB), Offer("small", GB), Offer("here", 2 * GB)]
    page = offers_page(Offers(models, RoomForModels(16 * GB, 8 * GB)), {"here"})
    assert [(row.value, row.note.partition(", ")[2]) for row in page.rows] == [
        ("small", "fits"),
        ("here", "stored already"),
        ("middle", "fits once memory is freed"),
        ("big", "too big for this machine"),
    ]


def test_graphics_cards_count_as_memory_does() -> None:
    models = [Offer("small", GB), Offer("large", 10 * GB), Offer("huge", 27 * GB), Offer("both", 18 * GB)]
    page = offers_page(Offers(models, RoomForModels(16 * GB, 8 * GB), RoomForModels(16 * GB, 15 * GB)), ())
    assert page.lead[0] == "8 GB of 16 GB memory are free, and 15 GB of 16 GB on graphics cards."
    assert [(row.value, row.note.partition(", ")[2]) for row in page.rows] == [
        ("small", "fits on a graphics card"),
        ("large", "fits on a graphics card"),
        ("both", "fits"),
        ("huge", "too big for this machine"),
    ]
