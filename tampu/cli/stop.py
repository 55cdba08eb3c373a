"""`stop`: takes a model out of memory."""

from tampu.cli.command import command
from tampu.cli.grammar import exactly
from tampu.cli.invocation import Invocation
from tampu.errors import ServerError
from tampu.terminal.waiting import waiting


@command("stop", takes="MODEL", words=exactly(1), help="Stop a running model")
def command_line(invocation: Invocation, words: tuple[str, ...]) -> None:
    """Unload; says nothing where the model was not loaded."""
    (model,) = words
    try:
        unload(invocation, model)
    except ServerError as error:
        if "not found" not in error.message:
            raise
        raise ServerError(f'couldn\'t find model "{model}" to stop', status=error.status) from None


def unload(invocation: Invocation, model: str) -> None:
    """Take `model` out of memory; a model that another machine runs is left alone. Raises ServerError."""
    client = invocation.client
    with waiting(invocation.console):
        if not client.describe(model).remote_host:
            client.unload(model)
