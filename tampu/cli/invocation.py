"""One run of the program: what it was called, its streams and settings, and the server that it talks to."""

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from tampu.client.client import Client
from tampu.config import Settings
from tampu.errors import ServerUnreachable
from tampu.terminal.console import Console, printable

OLLAMA: Final = "ollama"


@dataclass
class Invocation:
    """Handed to every command. `program` is the name that the user typed: tampu or ollama."""

    program: str
    console: Console
    settings: Settings

    def demand_server(self) -> None:
        """Raise ServerUnreachable where no server answers and none may be started. Starts none."""
        if not Client(self.settings.address).is_answering():
            self._refuse_unless_startable()

    @property
    def is_ollama(self) -> bool:
        """Whether it was called by Ollama's name, where every screen is Ollama's."""
        return self.program == OLLAMA

    @cached_property
    def client(self) -> Client:
        """The server, known to answer. Starts one where none does and that is allowed; raises ServerUnreachable."""
        client = Client(self.settings.address)
        if not client.is_answering():
            self._start_server(client)
        return client

    def warn(self, *, of: str = "") -> None:
        """Tell which settings mean nothing; `of`: only those whose warning has these words."""
        for warning in self.settings.warnings:
            if of in warning:
                self.console.tell(f"{time.strftime('%Y/%m/%d %H:%M:%S')} WARN {printable(warning)}\n")

    def _refuse_unless_startable(self) -> None:
        address = self.settings.address
        can_start = address.is_loopback and address.scheme == "http" and not address.path
        if not self.settings.autostart or not can_start:
            # Nothing answers, perhaps because this is not the port that was meant: say it again beside the error.
            self.warn(of="invalid port")
            raise ServerUnreachable(
                f"could not connect to {self.program} server, run '{self.program} serve' to start it"
            )

    def _start_server(self, client: Client) -> None:
        self._refuse_unless_startable()
        # Only now: starting a process takes modules that a command which finds its server need not wait for.
        from tampu.cli.background import start_server  # noqa: PLC0415

        log = start_server(client, self.settings)
        told = f"started a server in the background on {self.settings.address.authority} (log: {log})\n"
        self.console.tell(told)
