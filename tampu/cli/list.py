"""`list`: the stored models."""

import time

from tampu.cli.command import command
from tampu.cli.grammar import Words, flag
from tampu.cli.invocation import Invocation
from tampu.terminal.listings import models_table


@command("list", words=Words(), aliases=("ls",), help="List models")
@flag("--json", "as_json", beyond=True, help="Print the models as a JSON list")
def command_line(invocation: Invocation, words: tuple[str, ...], as_json: bool) -> None:
    """The models whose name begins with the first word, in any case."""
    prefix = words[0].lower() if words else ""
    models = [model for model in invocation.client.list_models() if model.name.lower().startswith(prefix)]
    if as_json:
        invocation.console.write_json(models)
    else:
        invocation.console.write(models_table(models, now=time.time()))
