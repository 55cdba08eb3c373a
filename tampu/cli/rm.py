"""`rm`: forgets models."""

from tampu.cli.command import command
from tampu.cli.grammar import at_least
from tampu.cli.invocation import Invocation
from tampu.cli.stop import unload
from tampu.errors import ServerError


@command("rm", takes="MODEL [MODEL...]", words=at_least(1), help="Remove a model")
def command_line(invocation: Invocation, words: tuple[str, ...]) -> None:
    """Unload and delete each in turn; the first that fails ends it."""
    for model in words:
        try:
            unload(invocation, model)
        except ServerError as error:
            if "not found" not in error.message.lower():
                invocation.console.tell(f"Warning: unable to stop model '{model}'\n")
        invocation.client.delete(model)
        invocation.console.write(f"deleted '{model}'\n")
