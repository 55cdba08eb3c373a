"""Plain `tampu`: what most people come for, to choose with the keyboard.

Every choice ends in a command line, which is shown and run like any other; what a command decides is left to it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tampu import __version__
from tampu.cli import menu_pages as pages
from tampu.cli.invocation import Invocation
from tampu.client.client import Client
from tampu.errors import TampuError
from tampu.terminal.console import Console, printable
from tampu.terminal.keyboard import Key, keyboard
from tampu.terminal.menu import Screen, screen

Words = Sequence[str]
RunLine = Callable[[Words], int]
"""Runs a command line of this program, told in words, and tells what goes wrong; the exit code."""


def run_menu(invocation: Invocation, run_line: RunLine, *, flags: Words) -> None:
    """Let the person choose until they leave. `flags` go with chats. Raises ServerUnreachable where none may start."""
    invocation.demand_server()
    try:
        at = 0
        while (chosen := _chosen(invocation, at)) is not None:
            at, words = chosen
            words = (*words, *flags) if words[0] == "run" else words
            line = " ".join((invocation.program, *words))
            invocation.console.tell(f"{invocation.console.greyed(printable(f'$ {line}'))}\n")
            code = run_line(words)
            if code or words[0] != "run":
                _wait_for_a_key(invocation.console)
    except KeyboardInterrupt:
        return


def _chosen(invocation: Invocation, at: int) -> tuple[int, Words] | None:
    """Which row of the first page led to which command line, page by page; None where the person leaves."""
    main = pages.main_page(invocation.program, __version__)
    with screen(invocation.console) as shown:
        while (place := shown.choose(main, at=at)) is not None:
            at = [row.value for row in main.rows].index(place)
            try:
                words = _PLACES[place](invocation, shown)
            except TampuError as error:
                shown.choose(pages.error_page(error.message, invocation.console.width))
                continue
            if words is not None:
                return at, words
    return None


def _chat(invocation: Invocation, shown: Screen) -> Words | None:
    if not _connected(invocation, shown).list_models():
        return _get(invocation, shown)
    model = _pick(invocation, shown, "Chat with a model")
    return model and ("run", model)


def _get(invocation: Invocation, shown: Screen) -> Words | None:
    client = _connected(invocation, shown)
    stored = {model.name for model in client.list_models()}
    name = shown.choose(pages.offers_page(client.offers(), stored))
    return name and ("pull", name)


def _manage(invocation: Invocation, shown: Screen) -> Words | None:
    while (model := _pick(invocation, shown, "Manage models")) is not None:
        is_loaded = any(each.name == model for each in invocation.client.loaded_models())
        deed = shown.choose(pages.deeds_page(model, is_loaded=is_loaded))
        if deed == "cp":
            name = shown.ask(f"Copy {model}", lead=("Its second name:",))
            if name:
                return "cp", model, name
        elif deed == "rm":
            if shown.choose(pages.question_page(f"Remove {model}?")) == pages.YES:
                return "rm", model
        elif deed is not None:
            return deed, model
    return None


def _settings(_: Invocation, shown: Screen) -> Words | None:
    word = shown.choose(pages.settings_page())
    return word and ("config", word)


_PLACES: Final[Mapping[str, Callable[[Invocation, Screen], Words | None]]] = {
    pages.CHAT: _chat,
    pages.GET: _get,
    pages.MANAGE: _manage,
    pages.SETTINGS: _settings,
}


def _pick(invocation: Invocation, shown: Screen, title: str) -> str | None:
    client = _connected(invocation, shown)
    return shown.choose(pages.models_page(title, client.list_models(), client.loaded_models()))


def _connected(invocation: Invocation, shown: Screen) -> Client:
    """The server; a word on the screen while one has to be started first."""
    shown.tell("Asking the server...")
    return invocation.client


def _wait_for_a_key(console: Console) -> None:
    """Leave what a command said on the screen until it was read; raises KeyboardInterrupt for Ctrl-C."""
    console.tell(console.greyed("Press any key for the menu."))
    try:
        with keyboard() as keys:
            while (pressed := keys.read()) is Key.RESIZED:
                pass
    finally:
        console.tell("\r\x1b[K")
    if pressed is Key.STOP:
        raise KeyboardInterrupt
