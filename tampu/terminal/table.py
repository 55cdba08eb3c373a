"""Tables as `list` and `ps` print them, byte for byte as Ollama does: scripts cut them at columns."""

from collections.abc import Sequence
from typing import Final

GAP: Final = "    "


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, trimmed: bool = False) -> str:
    """A header line and a line for each row. The header ends in one blank, every row in four.

    `trimmed`: no blanks at the ends; for tables of ours, which would leave empty lines on a terminal they just fit.
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [GAP.join(_padded(header, widths)) + " "]
    lines += ["".join(cell + GAP for cell in _padded(row, widths)) for row in rows]
    return "".join(f"{line.rstrip() if trimmed else line}\n" for line in lines)


def _padded(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
