"""Writes a Modelfile so that it reads back as the same instructions, in the form that Ollama writes where it can be."""

from collections.abc import Iterable, Mapping, Sequence

from tampu.modelfile.document import Instruction, Kind
from tampu.modelfile.text import FENCE, QUOTE, guard_fences, trim
from tampu.modelfile.values import plain, spread


def write_modelfile(instructions: Iterable[Instruction], *, comments: Sequence[str] = ()) -> str:
    """The text of a Modelfile: comments, a blank line behind them, then one instruction after the other."""
    head = "".join(f"# {comment}\n" for comment in comments)
    body = "".join(map(_line, instructions))
    return f"{head}\n{body}" if head else body


def parameter_instructions(parameters: Mapping[str, object]) -> list[Instruction]:
    """The PARAMETER instructions that set `parameters`, one for each item of a list."""
    return [Instruction(Kind.PARAMETER, (key, plain(value))) for key, value in spread(parameters)]


def quote(text: str) -> str:
    """`text` as a value: bare if that reads back, else in quotes, else in a fence of three quotes."""
    if trim(text) == text and not text.startswith(QUOTE) and "\n" not in text and "\r" not in text:
        return text
    if QUOTE not in text:
        return f"{QUOTE}{text}{QUOTE}"
    return f"{FENCE}{guard_fences(text)}{FENCE}"


def _line(instruction: Instruction) -> str:
    *names, value = instruction.args
    return " ".join((instruction.kind.upper(), *names, quote(value))) + "\n"
