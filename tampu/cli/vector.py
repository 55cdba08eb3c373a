"""The vector of a text on standard output, as `run` prints it for embedding models, and `embedding` for any."""

import struct
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from tampu.cli.invocation import Invocation
from tampu.errors import BadRequest
from tampu.repl.chosen import read_keep_alive

_LEAST_PLAIN: Final = 1e-6
_FIRST_WITH_EXPONENT: Final = 1e21
_FLOAT32: Final = struct.Struct("f")
_DIGITS: Final = range(1, 10)


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
    """A number in single precision as Go writes it in JSON: `3`, `-0`, `0.000001`, `1e-7`, `1e+21`."""
    digits = _shortest(value)
    if not value or _LEAST_PLAIN <= abs(value) < _FIRST_WITH_EXPONENT:
        text = f"{digits:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, _, exponent = f"{digits.normalize():e}".partition("e")
    return f"{mantissa}e{int(exponent):+d}"


def _shortest(value: float) -> Decimal:
    """The decimal with the fewest digits that is `value` in single precision."""
    try:
        packed = _FLOAT32.pack(value)
        texts = (f"{value:.{digits}g}" for digits in _DIGITS)
        return Decimal(next(text for text in texts if _FLOAT32.pack(float(text)) == packed))
    except (OverflowError, StopIteration):
        return Decimal(repr(value))
