"""`serve`: runs the server until it is told to stop."""

from dataclasses import replace
from typing import Final

from tampu.cli.background import EXIT_WHEN_IDLE
from tampu.cli.command import command
from tampu.cli.grammar import flag
from tampu.cli.help import SERVE_VARIABLES
from tampu.cli.invocation import Invocation
from tampu.client.client import Client
from tampu.config import Address, Settings, parse_address
from tampu.errors import BadRequest, ListenFailed, TampuError

_PATIENCE_S: Final = 2.0
_MOST_PORT: Final = 65535


@command("serve", aliases=("start",), variables=SERVE_VARIABLES, help="Start the server")
@flag("--host", word="string", beyond=True, help="Address to listen on, whatever the settings say")
@flag("--port", word="int", beyond=True, help="Port to listen on, whatever the settings say")
@flag(EXIT_WHEN_IDLE, hidden=True, help="End when nobody has asked for anything for TAMPU_IDLE_EXIT")
def command_line(
    invocation: Invocation,
    words: tuple[str, ...],  # noqa: ARG001  # there are none
    host: str | None,
    port: int | None,
    exit_when_idle: bool,
) -> None:
    """Serve in the foreground; raises TampuError where the address is taken, BadRequest for a port that is none."""
    flags = _flags(invocation.settings.address, host, port)
    if flags:
        invocation.settings = Settings.read(flags=flags)
    # Only here: the server's modules are many, and no other command needs them.
    from tampu.server.run import serve  # noqa: PLC0415

    try:
        serve(invocation.settings, exits_when_idle=exit_when_idle, reread=lambda: Settings.read(flags=flags))
    except ListenFailed as error:
        holder = _who_listens(invocation)
        raise ListenFailed(f"{error.message}\n\n{holder}" if holder else error.message) from error


def _flags(address: Address, host: str | None, port: int | None) -> dict[str, str]:
    """What the flags say, by the field that it fills, as a variable would say it."""
    if host is None and port is None:
        return {}
    address = address if host is None else parse_address(host)
    if port is not None:
        if not 1 <= port <= _MOST_PORT:
            raise BadRequest(f"--port: {port} is not allowed; a number from 1 to {_MOST_PORT} is")
        address = replace(address, port=port)
    return {"address": address.url}


def _who_listens(invocation: Invocation) -> str:
    """What already answers at the address that is taken, and what to do about it; "" where nothing does."""
    address = invocation.settings.address
    client = Client(address, patience_s=_PATIENCE_S)
    try:
        own, version = client.own_version(), client.version()
    except TampuError:
        return ""
    if own:
        return f"A server of this program (tampu {own}) listens there already: commands use it as it is."
    if version:
        return (
            f"Ollama {version} listens there. Stop it (on Linux: sudo systemctl stop ollama), or take another "
            f"port: OLLAMA_HOST=127.0.0.1:11500 {invocation.program} serve"
        )
    return ""
