"""`ps`: the models in memory, and the requests that they work on."""

import time
from collections.abc import Sequence

from tampu.cli.command import command
from tampu.cli.grammar import Words, flag
from tampu.cli.invocation import Invocation
from tampu.client.answers import LoadedModel, QueuedRequest
from tampu.terminal.console import printable
from tampu.terminal.listings import loaded_table, queue_table


@command("ps", words=Words(), help="List running models")
@flag("--json", "as_json", beyond=True, help="Print the models (or requests) as a JSON list")
@flag("--queue", beyond=True, help="List the requests under way instead: running, waiting, loading")
@flag("--cancel", word="string", beyond=True, help="End the request with this id")
def command_line(
    invocation: Invocation, words: tuple[str, ...], as_json: bool, queue: bool, cancel: str | None
) -> None:
    """The loaded models, or the requests, whose model's name begins with the first word."""
    if cancel is not None:
        invocation.client.cancel(cancel)
        return
    prefix = words[0] if words else ""
    if queue:
        requests = [request for request in invocation.client.queue() if request.model.startswith(prefix)]
        _print(invocation, requests, queue_table(requests, now=time.time()), as_json=as_json)
        return
    models = [model for model in invocation.client.loaded_models() if model.name.startswith(prefix)]
    _print(invocation, models, loaded_table(models, now=time.time()), as_json=as_json)
    for model in models:
        if model.note and not as_json:
            invocation.console.tell(f"{printable(model.name)}: {printable(model.note)}\n")


def _print(
    invocation: Invocation, rows: Sequence[LoadedModel] | Sequence[QueuedRequest], listing: str, *, as_json: bool
) -> None:
    if as_json:
        invocation.console.write_json(rows)
    else:
        invocation.console.write(listing)
