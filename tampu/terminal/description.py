"""The page that `show` prints of a model: sections of aligned columns, byte for byte as Ollama does."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import Any, Final

from tampu.client.answers import Description
from tampu.terminal.columns import columns
from tampu.terminal.console import printable
from tampu.units import format_count

CELL_WIDTH: Final = 30
TEXT_WIDTH: Final = 100
LIST_WIDTH: Final = 10
"""Columns that the items of a list may fill."""

Row = Sequence[str]


def description_page(model: Description, *, verbose: bool) -> str:
    """The whole page. `verbose` adds the GGUF's metadata and tensors. A text of blanks has its heading all the same."""
    origin = [[model.origin.kind, model.origin.place]] if model.origin else []
    parameters = (line.split() for line in model.parameters.split("\n") if line)
    sections: list[tuple[str, object, Iterable[Row], int]] = [
        ("Model", model, _facts(model), CELL_WIDTH),
        ("Origin", origin, origin, CELL_WIDTH),
        ("Capabilities", model.capabilities, ([capability] for capability in model.capabilities), CELL_WIDTH),
        ("Projector", model.projector_info, _projector(model.projector_info), CELL_WIDTH),
        ("Parameters", model.parameters, parameters, CELL_WIDTH),
        ("Metadata", verbose and model.model_info, _metadata(model.model_info), CELL_WIDTH),
        ("Tensors", verbose and model.tensors, ([t.name, t.type, _listed(t.shape)] for t in model.tensors), CELL_WIDTH),
        ("System", model.system, _first_lines(model.system), TEXT_WIDTH),
        ("License", model.license, _first_lines(model.license), TEXT_WIDTH),
    ]
    return "".join(_section(title, list(rows), width) for title, shown, rows, width in sections if shown)


def _section(title: str, rows: Sequence[Row], cell_width: int) -> str:
    cells = [[_cell(printable(text), cell_width) for text in row] for row in rows]
    widths = [max(width for _, width in column) for column in zip_longest(*cells, fillvalue=([""], 0))]
    lines = [f"  {title}", *(line for row in cells for line in _row_lines(row, widths)), ""]
    return "".join(f"{line}\n" for line in lines)


def _cell(text: str, limit: int) -> tuple[list[str], int]:
    """The lines of a cell and its width. Words are never broken, so one long word makes the cell wider."""
    text = text.replace("\n", " ")
    width = min(columns(text), limit)
    lines = _wrapped(text, width)
    return lines, max(width, *map(columns, lines))


def _wrapped(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` columns, or of the longest word, that are as even as can be.

    Least is the sum of the squares of what the lines leave free, the last one not counted; of equals the one whose
    earlier lines are shorter.
    """
    words = text.split(" ")
    widths = list(map(columns, words))
    limit = max(width, *widths)
    costs = [0] * (len(words) + 1)
    ends = [len(words)] * (len(words) + 1)
    for start in reversed(range(len(words))):
        costs[start], ends[start] = _best_line(start, widths, limit, costs)
    lines, start = [], 0
    while start < len(words):
        lines.append(" ".join(words[start : ends[start]]))
        start = ends[start]
    return lines


def _best_line(start: int, widths: Sequence[int], limit: int, costs: Sequence[int]) -> tuple[int, int]:
    """What the lines from the word `start` on cost at least, and where the first of them ends."""
    found: tuple[int, int] | None = None
    used = -1
    for end in range(start, len(widths)):
        used += 1 + widths[end]
        if used > limit:
            break
        if end + 1 == len(widths):
            return 0, end + 1
        cost = (limit - used) ** 2 + costs[end + 1]
        if found is None or cost < found[0]:
            found = cost, end + 1
    assert found is not None, "the limit has room for each word"  # noqa: S101  # the caller's promise
    return found


def _row_lines(row: Sequence[tuple[list[str], int]], widths: Sequence[int]) -> Iterable[str]:
    """The lines of a row; where one of its cells has several, all but the first are indented."""
    height = max((len(lines) for lines, _ in row), default=1)
    for number in range(height):
        parts = [lines[number] if number < len(lines) else "  " for lines, _ in row]
        cells = (_padded(part, width) for part, width in zip(parts, widths, strict=False))
        yield ("      " if number else "    ") + "".join(f"{cell}    " for cell in cells)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def _facts(model: Description) -> Iterable[Row]:
    info, details = model.model_info, model.details
    if model.remote_host:
        yield ["Remote model", model.remote_model]
        yield ["Remote URL", model.remote_host]
    if not info:
        yield ["architecture", details.family]
        yield ["parameters", details.parameter_size]
    else:
        architecture = _architecture(info)
        yield from _named("architecture", architecture)
        yield from _named("parameters", details.parameter_size or _count(info))
        yield from _named("context length", _number(info.get(f"{architecture}.context_length")))
        yield from _named("embedding length", _number(info.get(f"{architecture}.embedding_length")))
    yield ["quantization", details.quantization_level]
    yield from _named("requires", model.requires)


def _projector(info: Mapping[str, Any]) -> Iterable[Row]:
    architecture = _architecture(info)
    yield from _named("architecture", architecture)
    yield from _named("parameters", _count(info))
    for label, key in (("embedding length", "embedding_length"), ("dimensions", "projection_dim")):
        found = (_number(info.get(f"{architecture}.{sense}.{key}")) for sense in ("vision", "audio"))
        yield from _named(label, next(filter(None, found), ""))


def _named(label: str, text: str) -> Iterable[Row]:
    return [[label, text]] if text else ()


def _architecture(info: Mapping[str, Any]) -> str:
    name = info.get("general.architecture")
    return name if isinstance(name, str) else ""


def _number(value: Any) -> str:
    return plain_number(value) if _is_number(value) else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _metadata(info: Mapping[str, Any]) -> Iterable[Row]:
    for key in sorted(info):
        yield [key, shown_value(info[key])]


def shown_value(value: Any) -> str:
    """A JSON value as Go prints it: `true`, `0.5`, `[1 2]`; lists are cut."""
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
            return "map[string]interface {}"


def _listed(items: Sequence[Any], width: int | None = None) -> str:
    """Items in brackets; those that do not fit into `width` columns are only counted."""
    texts = [_listed(item) if isinstance(item, list) else shown_value(item) for item in items]
    shown, used = len(texts), 1
    for place, text in enumerate(texts):
        used += columns(text) + (2 if place else 0)
        if width is not None and place and used > width:
            shown = place
            break
    more = f" ...+{len(texts) - shown} more" if shown < len(texts) else ""
    return f"[{' '.join(texts[:shown])}{more}]"


def _first_lines(text: str) -> Iterable[Row]:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return [[line] for line in (*lines[:2], *(["..."] if len(lines) > 2 else []))]


def _count(info: Mapping[str, Any]) -> str:
    value = info.get("general.parameter_count")
    return format_count(int(value)) if value is not None and _is_number(value) else ""


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
