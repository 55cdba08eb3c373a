"""A session on its way: what is said, to whom, and where it shows. The commands and the turns of a session share it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tampu.client.client import Client
from tampu.repl.session import Session
from tampu.terminal.console import Console
from tampu.terminal.waiting import waiting

ReadParameter = Callable[[str, Sequence[str]], object]
"""Turns the words of a parameter into its value; raises BadRequest."""


class Leave(Exception):  # no error: the person is done
    """The session ends."""


class Editor(Protocol):
    """What commands may change of the line editor."""

    keeps_history: bool


@dataclass(slots=True)
class Talk:
    """A session, the server it talks to and the screen it is shown on."""

    session: Session
    client: Client
    console: Console
    read_parameter: ReadParameter

    def load(self) -> None:
        """Have the server load the model, with a spinner."""
        body: dict[str, object] = {"model": self.session.model}
        if self.session.chosen.keep_alive:
            body["keep_alive"] = self.session.chosen.keep_alive
        with waiting(self.console):
            for _ in self.client.generate(body):
                pass
