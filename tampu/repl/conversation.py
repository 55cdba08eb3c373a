"""The commands on the conversation itself, which Ollama does not have: ask again, take back, copy, keep."""

import os
from pathlib import Path
from typing import Final

from tampu.repl.talk import Editor, Talk
from tampu.repl.transcript import as_json, as_markdown
from tampu.repl.turn import ask
from tampu.terminal.clipboard import copy_text

_FORCE: Final = "-f"
_SHOWN: Final = 40
"""Characters of a message that are repeated to say which one is meant."""


def retry(talk: Talk, _: Editor, __: str) -> None:
    """Drop the last answer and have the model give another one; also answers what was stopped."""
    if talk.session.last("user") is None:
        talk.console.write("There is nothing to answer yet.\n")
        return
    talk.session.forget_answer()
    ask(talk)


def undo(talk: Talk, _: Editor, __: str) -> None:
    """Take the last message of the person back, with what was answered to it."""
    text = talk.session.take_back()
    if text is None:
        talk.console.write("There is nothing to take back.\n")
        return
    line = " ".join(text.split())
    told = line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."
    talk.console.show(f"Took back '{told}' and its answer.\n")


def copy(talk: Talk, _: Editor, __: str) -> None:
    """Put the last answer on the clipboard."""
    answer = talk.session.last("assistant")
    if answer is None:
        talk.console.write("There is no answer to copy yet.\n")
    elif copy_text(talk.console, answer["content"]):
        talk.console.write("Copied the last answer.\n")
    else:
        talk.console.write("error: there is no clipboard here; /export FILE keeps the whole conversation\n")


def export(talk: Talk, _: Editor, line: str) -> None:
    """Write the conversation into a file: JSON where it is named so, markdown otherwise."""
    words = line.split(maxsplit=1)[1:]
    rest = words[0].strip() if words else ""
    replaces = rest.startswith(f"{_FORCE} ")
    name = rest.removeprefix(_FORCE).strip() if replaces else rest
    if not name:
        talk.console.write("Usage:\n  /export [-f] <file>\n")
        return
    path = Path(name).expanduser()
    text = as_json(talk.session) if path.suffix.lower() == ".json" else as_markdown(talk.session)
    try:
        _keep(path, text, replaces=replaces)
    except FileExistsError:
        talk.console.write(f"error: {name} is there already; /export -f {name} replaces it\n")
    except OSError as error:
        talk.console.write(f"error: cannot write {name}: {(error.strerror or str(error)).lower()}\n")
    else:
        talk.console.write(f"Wrote the conversation to {name}.\n")


def _keep(path: Path, text: str, *, replaces: bool) -> None:
    """Write the file, for its owner alone: a conversation is private. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replaces else os.O_EXCL)
    with open(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123  # of a descriptor
        file.write(text)
