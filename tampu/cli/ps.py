"""`ps`: the models in memory."""

import time

import msgspec

from tampu.cli.command import command
from tampu.cli.grammar import Words, flag
from tampu.cli.invocation import Invocation
from tampu.terminal.listings import loaded_table


@command("ps", words=Words(), help="List running models")
@flag("--json", "as_json", beyond=True, help="Print the models as a JSON list")
def command_line(invocation: Invocation, words: tuple[str, ...], as_json: bool) -> None:
    """The loaded models whose name begins with the first word."""
    prefix = words[0] if words else ""
    models = [model for model in invocation.client.loaded_models() if model.name.startswith(prefix)]
    if as_json:
        invocation.console.write(msgspec.json.encode(models).decode() + "\n")
    else:
        invocation.console.write(loaded_table(models, now=time.time()))
