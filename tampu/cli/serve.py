"""`serve`: runs the server until it is told to stop."""

from tampu.cli.background import EXIT_WHEN_IDLE
from tampu.cli.command import command
from tampu.cli.grammar import flag
from tampu.cli.help import SERVE_VARIABLES
from tampu.cli.invocation import Invocation


@command("serve", aliases=("start",), variables=SERVE_VARIABLES, help="Start the server")
@flag(EXIT_WHEN_IDLE, hidden=True, help="End when nobody has asked for anything for TAMPU_IDLE_EXIT")
def command_line(invocation: Invocation, words: tuple[str, ...], exit_when_idle: bool) -> None:  # noqa: ARG001
    """Serve in the foreground; raises TampuError where the address is taken."""
    # Only here: the server's modules are many, and no other command needs them.
    from tampu.server.run import serve  # noqa: PLC0415

    serve(invocation.settings, exits_when_idle=exit_when_idle)
