"""`bench`: how fast a model reads and writes on this machine, with one and with several clients at once."""

import itertools
import random
import statistics
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import msgspec

from tampu.cli.command import command
from tampu.cli.grammar import exactly, flag
from tampu.cli.invocation import Invocation
from tampu.client.answers import Piece
from tampu.client.client import Client
from tampu.errors import BadRequest
from tampu.terminal.table import table
from tampu.terminal.waiting import waiting

_WORDS: Final = "river stone window garden paper music travel summer number letter silver forest market engine".split()
_NS: Final = 1e9
_MOST_CLIENTS: Final = 256


class Measured(msgspec.Struct, frozen=True):
    """What one number of clients got. Rates in tokens per second, medians over all requests; times in seconds."""

    clients: int
    requests: int
    prompt_tokens: int
    prompt_rate: float
    first_token_s: float
    rate_per_client: float
    rate_together: float


class _Request(msgspec.Struct, frozen=True):
    """One request as its client saw it; times in seconds."""

    started: float
    first: float
    ended: float
    last: Piece


@command("bench", takes="MODEL", words=exactly(1), help="Measure how fast a model is on this machine")
@flag("--concurrency", word="string", default="1", help="Numbers of clients at once, comma-separated (e.g. 1,4)")
@flag("--prompt", word="int", default=256, help="Words of each prompt")
@flag("--tokens", word="int", default=128, help="Tokens to generate for each prompt")
@flag("--rounds", word="int", default=3, help="Requests of each client")
@flag("--json", "as_json", help="Print the figures as a JSON list")
def command_line(
    invocation: Invocation,
    words: tuple[str, ...],
    *,
    concurrency: str,
    prompt: int,
    tokens: int,
    rounds: int,
    as_json: bool,
) -> None:
    """Measure with each number of clients in turn. Every prompt is new, so that no cache answers for the model."""
    (model,) = words
    counts = _counts(concurrency)
    if min(prompt, tokens, rounds) < 1:
        raise BadRequest("--prompt, --tokens and --rounds must be at least 1")
    client = invocation.client
    with waiting(invocation.console) as shown:
        shown.tell(f"loading {model}")
        _ = list(client.generate({"model": model}))
        ask = partial(_ask, client, model, prompt, tokens)
        ask(random.Random(0))  # noqa: S311  # a first answer warms up what only the first needs
        measured = []
        for count in counts:
            shown.tell(f"measuring with {count} client{'s' if count > 1 else ''}")
            measured.append(_measure(ask, count, rounds))
    if as_json:
        invocation.console.write_json(measured)
    else:
        invocation.console.write(_shown(measured))


def _counts(text: str) -> list[int]:
    words = text.split(",")
    if not all(word.isascii() and word.isdigit() and 1 <= int(word) <= _MOST_CLIENTS for word in words):
        raise BadRequest(f"--concurrency: '{text}' is no list of numbers from 1 to {_MOST_CLIENTS}, such as 1,4")
    return [int(word) for word in words]


def _ask(client: Client, model: str, prompt_words: int, tokens: int, dice: random.Random) -> _Request:
    """One answer to a prompt of random words; raises BadRequest for a stream without an end."""
    prompt = " ".join(dice.choices(_WORDS, k=prompt_words))
    body = {"model": model, "prompt": prompt, "raw": True, "options": {"num_predict": tokens, "temperature": 1.0}}
    started = time.perf_counter()
    first = 0.0
    for piece in client.generate(body):
        first = first or time.perf_counter()
        if piece.done:
            return _Request(started, first, time.perf_counter(), piece)
    raise BadRequest("the answer ended before it was complete; look at the server's log")


def _measure(ask: partial[_Request], clients: int, rounds: int) -> Measured:
    seeds = itertools.count(time.time_ns())
    dice = [random.Random(next(seeds)) for _ in range(clients * rounds)]  # noqa: S311  # no secrets are made of it
    pool = ThreadPoolExecutor(clients)
    try:
        requests = list(pool.map(ask, dice))
    finally:
        # Ctrl-C must not wait until the last client has its answer.
        pool.shutdown(wait=False, cancel_futures=True)
    spent = max(request.ended for request in requests) - min(request.started for request in requests)
    return Measured(
        clients=clients,
        requests=len(requests),
        prompt_tokens=round(statistics.median(request.last.prompt_eval_count for request in requests)),
        prompt_rate=_median_rate((r.last.prompt_eval_count, r.last.prompt_eval_duration) for r in requests),
        first_token_s=statistics.median(request.first - request.started for request in requests),
        rate_per_client=_median_rate((r.last.eval_count, r.last.eval_duration) for r in requests),
        rate_together=sum(request.last.eval_count for request in requests) / spent,
    )


def _median_rate(counts: Iterable[tuple[int, int]]) -> float:
    rates = [tokens * _NS / nanoseconds for tokens, nanoseconds in counts if nanoseconds]
    return statistics.median(rates) if rates else 0.0


def _shown(measured: Sequence[Measured]) -> str:
    """The table, in tokens and tokens per second, on a screen of 80 columns."""
    header = ("CLIENTS", "REQUESTS", "PROMPT", "READ/S", "FIRST TOKEN", "EACH/S", "ALL/S")
    return table(
        header,
        [
            (
                str(row.clients),
                str(row.requests),
                str(row.prompt_tokens),
                f"{row.prompt_rate:.1f}",
                f"{row.first_token_s * 1000:.0f} ms",
                f"{row.rate_per_client:.1f}",
                f"{row.rate_together:.1f}",
            )
            for row in measured
        ],
        trimmed=True,
    )
