"""The vector of a text on standard output, as `run` prints it for embedding models, and `embedding` for any."""

from collections.abc import Mapping
from typing import Final

import msgspec

from tampu.cli.invocation import Invocation
from tampu.errors import BadRequest
from tampu.repl.chosen import read_keep_alive

_FIRST_WITH_EXPONENT: Final = 1e21


def print_vector(
    invocation: Invocation, model: str, text: str, flags: Mapping[str, object], *, said_by: str = "run"
) -> None:
    """The vector of `text` as one JSON list. `flags`: keepalive, truncate, dimensions, None where not given."""
    if not text:
        usage = f'{invocation.program} {said_by} {model} "your text here"'
        raise BadRequest(f"embedding models require input text. Usage: {usage}")
    body: dict[str, object] = {"model": model, "input": text}
    if keep_alive := read_keep_alive(str(flags["keepalive"] or "")):
        body["keep_alive"] = keep_alive
    if flags["truncate"] is not None:
        body["truncate"] = flags["truncate"]
    if isinstance(flags["dimensions"], int) and flags["dimensions"] > 0:
        body["dimensions"] = flags["dimensions"]
    vectors = invocation.client.embed(body)
    if not vectors:
        raise BadRequest("no embeddings returned")
    invocation.console.write(f"[{','.join(map(_number, vectors[0]))}]\n")


def _number(value: float) -> str:
    """A number as Go writes it in JSON: `3`, `0.5`, `1e-7`, `1e+21`."""
    if value.is_integer() and abs(value) < _FIRST_WITH_EXPONENT:
        return str(int(value))
    mantissa, e, exponent = msgspec.json.encode(value).decode().partition("e")
    return mantissa if not e else f"{mantissa}e{int(exponent):+d}"
