"""A session on its way: what is said, to whom, and where it shows. The commands and the turns of a session share it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlsplit

from tampu.client.client import Client
from tampu.repl.session import Session
from tampu.terminal.console import Console, printable
from tampu.terminal.waiting import waiting

_CLOUD: Final = "ollama.com"
ReadParameter = Callable[[str, Sequence[str]], object]
"""Turns the words of a parameter into its value; raises BadRequest."""


class Leave(Exception):  # no error: the person is done
    """The session ends."""


class Editor(Protocol):
    """What commands may change of the line editor."""

    keeps_history: bool


@dataclass(slots=True)
class Talk:
    """A session, the server it talks to and the screen it is shown on. `as_ollama`: on Ollama's screens.

    `ended_in_thought`: the last turn brought thoughts and no answer.
    """

    session: Session
    client: Client
    console: Console
    read_parameter: ReadParameter
    as_ollama: bool
    ended_in_thought: bool = False

    def load(self) -> None:
        """Have the server load the model, with a spinner; of a model that another machine runs, say where it is.

        Raises SignInRequired for one of ollama.com that needs an account.
        """
        if self.session.description.remote_host:
            self._tell_where()
            return
        session = self.session
        body = {"model": session.model, **session.chosen.loading(can_think=session.description.can_think)}
        with waiting(self.console):
            for _ in self.client.generate(body):
                pass

    def _tell_where(self) -> None:
        model, place = self.session.description.remote_model, self.session.description.remote_host
        if urlsplit(place).hostname == _CLOUD:
            self.client.user_name()
            place = f"'{_CLOUD}' ⚡"
        else:
            place = f"'{printable(place)}'"
        self.console.tell(f"Connecting to '{printable(model)}' on {place}\n")
