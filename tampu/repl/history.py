"""The file of typed lines: at most a hundred, oldest first, readable by its owner only."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tampu.config.folder import alone_in

KEPT_LINES: Final = 100


def load_lines(path: Path) -> list[str]:
    """The lines of the file, without blank ones; none where it cannot be read."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return []
    # A last line without its end was cut while it was written.
    whole = text[: text.rfind("\n") + 1]
    return [line.strip() for line in whole.split("\n") if line.strip()][-KEPT_LINES:]


def add_lines(path: Path, entries: Iterable[str]) -> None:
    """Put them behind what the file has by now, for other sessions write it too; it is replaced in one step.

    A folder that cannot be written costs the history, not the session.
    """
    added = [line.strip() for entry in entries for line in entry.split("\n") if line.strip()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone_in(path.parent):
            _replace(path, [*load_lines(path), *added][-KEPT_LINES:])
    except OSError:
        pass


def _replace(path: Path, lines: Sequence[str]) -> None:
    # The name is this process's own: another one may be at it where folders cannot be locked.
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".tmp", dir=path.parent)
    draft = Path(name)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123  # as mkstemp gave it
            file.writelines(f"{line}\n" for line in lines)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
