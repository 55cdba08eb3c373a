"""The page that `show` prints of a model: sections of aligned columns, byte for byte as Ollama does."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import Any, Final

from tampu.client.answers import Description
from tampu.terminal.console import printable
from tampu.units import format_count

CELL_WIDTH: Final = 30
TEXT_WIDTH: Final = 100
LIST_WIDTH: Final = 10
"""Columns that the items of a list may fill."""

Row = Sequence[str]


def description_page(model: Description, *, verbose: bool) -> str:
    """The whole page. `verbose` adds the GGUF's metadata and tensors."""
    sections: list[tuple[str, Iterable[Row], int]] = [
        ("Model", _facts(model), CELL_WIDTH),
        ("Origin", [[model.origin.kind, model.origin.place]] if model.origin else (), CELL_WIDTH),
        ("Capabilities", ([capability] for capability in model.capabilities), CELL_WIDTH),
        ("Projector", _projector(model.projector_info), CELL_WIDTH),
        ("Parameters", (line.split() for line in model.parameters.splitlines() if line.strip()), CELL_WIDTH),
        ("Metadata", _metadata(model.model_info) if verbose else (), CELL_WIDTH),
        ("Tensors", ([t.name, t.type, _listed(t.shape)] for t in model.tensors if verbose), CELL_WIDTH),
        ("System", _first_lines(model.system), TEXT_WIDTH),
        ("License", _first_lines(model.license), TEXT_WIDTH),
    ]
    return "".join(_section(title, list(rows), width) for title, rows, width in sections)


def _section(title: str, rows: Sequence[Row], cell_width: int) -> str:
    if not rows:
        return ""
    cells = [[_cell(printable(text), cell_width) for text in row] for row in rows]
    widths = [max(width for _, width in column) for column in zip_longest(*cells, fillvalue=([""], 0))]
    lines = [f"  {title}", *(line for row in cells for line in _row_lines(row, widths)), ""]
    return "".join(f"{line}\n" for line in lines)


def _cell(text: str, limit: int) -> tuple[list[str], int]:
    """The lines of a cell and its width. Words are never broken, so one long word makes the cell wider."""
    lines = textwrap.wrap(text, limit, break_long_words=False, break_on_hyphens=False) or [""]
    return lines, max(min(len(text), limit), *map(len, lines))


def _row_lines(row: Sequence[tuple[list[str], int]], widths: Sequence[int]) -> Iterable[str]:
    for number, parts in enumerate(zip_longest(*(lines for lines, _ in row), fillvalue="")):
        indent = "  " if number else ""
        cells = (
            (indent if part else "") + part.ljust(width)
            for part, width in zip(parts, widths[: len(parts)], strict=True)
        )
        yield "    " + "".join(f"{cell}    " for cell in cells)


def _facts(model: Description) -> Iterable[Row]:
    info, details = model.model_info, model.details
    architecture = str(info.get("general.architecture", ""))
    if model.remote_host:
        yield ["Remote model", model.remote_model]
        yield ["Remote URL", model.remote_host]
    if not info:
        yield ["architecture", details.family]
        yield ["parameters", details.parameter_size]
    else:
        yield ["architecture", architecture]
        size = details.parameter_size or _count(info.get("general.parameter_count"))
        if size:
            yield ["parameters", size]
        yield from _known(info, (("context length", f"{architecture}.context_length"),))
        yield from _known(info, (("embedding length", f"{architecture}.embedding_length"),))
    yield ["quantization", details.quantization_level]
    if model.requires:
        yield ["requires", model.requires]


def _projector(info: Mapping[str, Any]) -> Iterable[Row]:
    if not info:
        return
    architecture = str(info.get("general.architecture", ""))
    yield ["architecture", architecture]
    if count := _count(info.get("general.parameter_count")):
        yield ["parameters", count]
    for label, key in (("embedding length", "embedding_length"), ("dimensions", "projection_dim")):
        places = (f"{architecture}.vision.{key}", f"{architecture}.audio.{key}")
        yield from list(_known(info, [(label, place) for place in places]))[:1]


def _known(info: Mapping[str, Any], rows: Iterable[tuple[str, str]]) -> Iterable[Row]:
    for label, key in rows:
        if (value := info.get(key)) is not None:
            yield [label, plain_number(value)]


def _metadata(info: Mapping[str, Any]) -> Iterable[Row]:
    for key in sorted(info):
        yield [key, _value(info[key])]


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return short_number(value)
        case str():
            return value
        case list():
            return _listed(value, LIST_WIDTH)
        case None:
            return "<nil>"
        case _:
            return type(value).__name__


def _listed(items: Sequence[Any], width: int | None = None) -> str:
    """Items in brackets; those that do not fit into `width` columns are only counted."""
    texts = [short_number(item) if isinstance(item, int | float) else str(item) for item in items]
    shown, used = len(texts), 1
    for place, text in enumerate(texts):
        used += len(text) + (2 if place else 0)
        if width is not None and place and used > width:
            shown = place
            break
    more = f" ...+{len(texts) - shown} more" if shown < len(texts) else ""
    return f"[{' '.join(texts[:shown])}{more}]"


def _first_lines(text: str) -> Iterable[Row]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [[line] for line in (*lines[:2], *(["..."] if len(lines) > 2 else []))]


def _count(value: Any) -> str:
    return format_count(int(value)) if isinstance(value, int | float) and value else ""


def plain_number(value: Any) -> str:
    """A number without an exponent; anything else as it is."""
    return f"{Decimal(repr(value)):f}".removesuffix(".0") if isinstance(value, float) else str(value)


def short_number(value: float) -> str:
    """A number as Go's `%g` writes it: as few digits as tell it apart, with an exponent below 1e-4 and from 1e+6 on."""
    _, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    if not isinstance(exponent, int):
        return str(value)
    magnitude = len(digits) + exponent - 1
    if digits == (0,) or -4 <= magnitude < 6:
        return plain_number(value)
    mantissa = str(digits[0]) + ("." + "".join(map(str, digits[1:])) if len(digits) > 1 else "")
    return f"{'-' if value < 0 else ''}{mantissa}e{'-' if magnitude < 0 else '+'}{abs(magnitude):02d}"
