"""The slash commands: one table, matched by the beginning of the line, and what each does."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tampu.errors import BadRequest, InvalidName, ServerError
from tampu.names import ModelName
from tampu.repl import conversation
from tampu.repl import help as listings
from tampu.repl.blocks import FENCE, unfenced
from tampu.repl.media import is_multimodal
from tampu.repl.session import Session
from tampu.repl.talk import Editor, Leave, Talk
from tampu.terminal.description import description_page, shown_value
from tampu.terminal.listings import models_table
from tampu.terminal.progress import Progress, follow

Handler = Callable[[Talk, Editor, str], None]


def is_command(line: str) -> bool:
    """Whether the first word of `line` is a command, letter for letter."""
    word = (line.split(maxsplit=1) or [""])[0]
    return word in OWN_COMMANDS or any(word == name for name, _ in COMMANDS)


def run_command(talk: Talk, editor: Editor, line: str) -> None:
    """Run what `line` says: a command of ours by its whole word, one of Ollama's by the beginning of the line.

    Raises Leave, or TampuError for what ends the session.
    """
    if own := OWN_COMMANDS.get(line.split(maxsplit=1)[0]):
        own(talk, editor, line)
        return
    for name, handler in COMMANDS:
        if line.startswith(name):
            handler(talk, editor, line)
            return


def _unknown(words: str) -> str:
    return f"Unknown command '{words}'. Type /? for help\n"


def _list(talk: Talk, _: Editor, line: str) -> None:
    prefix = (line.split()[1:] or [""])[0].lower()
    models = [model for model in talk.client.list_models() if model.name.lower().startswith(prefix)]
    talk.console.write(models_table(models, now=time.time()))


def _load(talk: Talk, _: Editor, line: str) -> None:
    name = _one_name(talk, line, "/load")
    if name is None:
        return
    talk.console.write(f"Loading model '{name}'\n")
    before = talk.session
    try:
        description = talk.client.describe(name)
    except ServerError as error:
        if "not found" not in error.message:
            raise
        talk.console.write(f"Couldn't find model '{name}'\n")
        return
    talk.session = Session(name, description, before.chosen, system=before.system, options=before.options)
    talk.session.clear()
    try:
        talk.load()
    except ServerError as error:
        if "does not support thinking" not in error.message:
            raise
        talk.console.write(f"error: {error.message}\n")


def _save(talk: Talk, _: Editor, line: str) -> None:
    name = _one_name(talk, line, "/save")
    if name is None:
        return
    try:
        ModelName.parse(name)
    except InvalidName:
        talk.console.write(f"error: The model name '{name}' is invalid\n")
        return
    with Progress(talk.console) as progress:
        follow(progress, talk.client.create(talk.session.recipe(name)))
        progress.clear()
    talk.console.write(f"Created new model '{name}'\n")


def _one_name(talk: Talk, line: str, command: str) -> str | None:
    words = line.split()
    if len(words) == 2:
        return words[1]
    talk.console.write(f"Usage:\n  {command} <modelname>\n")
    return None


def _clear(talk: Talk, _: Editor, __: str) -> None:
    talk.session.clear()
    talk.console.write("Cleared session context\n")


def _leave(_: Talk, __: Editor, ___: str) -> None:
    raise Leave


def _help(talk: Talk, _: Editor, line: str) -> None:
    topic = (line.split()[1:] or [""])[0]
    if not topic:
        sees = is_multimodal(talk.session.description)
        # `/? more` answers under either name.
        talk.console.tell(listings.overview(is_multimodal=sees, knows_more=not talk.as_ollama))
    elif listing := _TOPICS.get(topic):
        talk.console.tell(listing())


_TOPICS: Final[Mapping[str, Callable[[], str]]] = {
    "set": listings.set_listing,
    "/set": listings.set_listing,
    "show": listings.show_listing,
    "/show": listings.show_listing,
    "more": listings.more_listing,
    "shortcut": listings.shortcut_listing,
    "shortcuts": listings.shortcut_listing,
}


def _unknown_slash(talk: Talk, _: Editor, line: str) -> None:
    talk.console.write(_unknown(line.split(maxsplit=1)[0]))


# --- /set ----------------------------------------------------------------------------------------------------------


def _set(talk: Talk, editor: Editor, line: str) -> None:
    words = line.split()
    if len(words) == 1:
        talk.console.tell(listings.set_listing())
    elif words[1] in SETTINGS:
        talk.console.write(SETTINGS[words[1]](talk, editor, line))
    else:
        talk.console.write(_unknown(f"/set {words[1]}"))


Setter = Callable[[Talk, Editor, str], str]


def _history(*, kept: bool) -> Setter:
    def choose(_: Talk, editor: Editor, __: str) -> str:
        editor.keeps_history = kept
        return ""

    return choose


def _mode(word: str, field: str, *, on: bool) -> Setter:
    def choose(talk: Talk, _: Editor, __: str) -> str:
        setattr(talk.session.chosen, field, on)
        return f"Set '{word}' mode.\n"

    return choose


def _think(talk: Talk, _: Editor, line: str) -> str:
    level = (line.split()[2:] or [""])[0]
    talk.session.chosen.think = level or True
    _warn_of_no_thinking(talk)
    return f"Set 'think' mode to '{level}'.\n" if level else "Set 'think' mode.\n"


def _nothink(talk: Talk, _: Editor, __: str) -> str:
    talk.session.chosen.think = False
    _warn_of_no_thinking(talk)
    return "Set 'nothink' mode.\n"


def _warn_of_no_thinking(talk: Talk) -> None:
    if not talk.session.description.can_think:
        talk.console.tell(f'warning: model "{talk.session.model}" does not support thinking output\n')


def _format(talk: Talk, _: Editor, line: str) -> str:
    if line.split()[2:3] != ["json"]:
        return "Invalid or missing format. For 'json' mode use '/set format json'\n"
    talk.session.chosen.format = "json"
    return "Set format to 'json' mode.\n"


def _noformat(talk: Talk, _: Editor, __: str) -> str:
    talk.session.chosen.format = ""
    return "Disabled format.\n"


def _parameter(talk: Talk, _: Editor, line: str) -> str:
    words = line.split()[2:]
    if len(words) < 2:
        talk.console.tell(listings.parameter_listing())
        return ""
    name, *values = words
    try:
        talk.session.options[name] = talk.read_parameter(name, values)
    except BadRequest as error:
        return f"Couldn't set parameter: {json.dumps(error.message, ensure_ascii=False)}\n"
    return f"Set parameter '{name}' to '{', '.join(values)}'\n"


def _system(talk: Talk, _: Editor, line: str) -> str:
    text = line.split(None, 2)[2:]
    if not text:
        talk.console.tell(listings.set_listing())
        return ""
    block = unfenced(text[0].rstrip(" \t"))
    # Nothing stands on the line of the quotes: the text begins with the next one.
    talk.session.instruct(block.removeprefix("\n") if text[0].startswith(FENCE) else " ".join(text[0].split()))
    return "Set system message.\n"


SETTINGS: Final[Mapping[str, Setter]] = {
    "history": _history(kept=True),
    "nohistory": _history(kept=False),
    "wordwrap": _mode("wordwrap", "wrap", on=True),
    "nowordwrap": _mode("nowordwrap", "wrap", on=False),
    "verbose": _mode("verbose", "verbose", on=True),
    "speed": _mode("speed", "speed", on=True),
    "nospeed": _mode("nospeed", "speed", on=False),
    "quiet": _mode("quiet", "verbose", on=False),
    "think": _think,
    "nothink": _nothink,
    "format": _format,
    "noformat": _noformat,
    "parameter": _parameter,
    "system": _system,
}


# --- /show ---------------------------------------------------------------------------------------------------------


def _show(talk: Talk, _: Editor, line: str) -> None:
    words = line.split()
    if len(words) == 1:
        talk.console.tell(listings.show_listing())
        return
    shown = talk.client.describe(talk.session.model, shown_as=talk.session.shown_as())
    match words[1]:
        case "info":
            talk.console.tell(description_page(shown, verbose=False))
        case "license":
            talk.console.show(f"{shown.license or 'No license was specified for this model.'}\n")
        case "modelfile":
            talk.console.show(f"{shown.modelfile}\n")
        case "parameters":
            talk.console.show(_parameters_page(shown.parameters, talk.session.options))
        case "system":
            text = talk.session.system or shown.system
            talk.console.show(f"{text}\n\n" if text else "No system message was specified for this model.\n")
        case "template":
            talk.console.show(f"{shown.template or 'No prompt template was specified for this model.'}\n")
        case other:
            talk.console.show(_unknown(f"/show {other}"))


def _parameters_page(stored: str, options: Mapping[str, object]) -> str:
    lines = stored.splitlines() or ["No additional parameters were specified for this model."]
    page = "".join(f"{line}\n" for line in ("Model defined parameters:", *(f"  {line}" for line in lines), ""))
    if options:
        rows = [f"  {name:<30} {_plain(value)}" for name, value in options.items()]
        page += "".join(f"{line}\n" for line in ("User defined parameters:", *rows, ""))
    return page


def _plain(value: object) -> str:
    return f"[{' '.join(map(str, value))}]" if isinstance(value, list) else shown_value(value)


OWN_COMMANDS: Final[Mapping[str, Handler]] = {
    "/retry": conversation.retry,
    "/undo": conversation.undo,
    "/copy": conversation.copy,
    "/export": conversation.export,
}
COMMANDS: Final[Sequence[tuple[str, Handler]]] = (
    ("/list", _list),
    ("/load", _load),
    ("/save", _save),
    ("/clear", _clear),
    ("/set", _set),
    ("/show", _show),
    ("/help", _help),
    ("/?", _help),
    ("/exit", _leave),
    ("/bye", _leave),
    ("/", _unknown_slash),
)
