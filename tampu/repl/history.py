"""The file of typed lines: at most a hundred, oldest first, readable by its owner only."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

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
    kept = [*load_lines(path), *added][-KEPT_LINES:]
    draft = path.with_name(f"{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.touch(mode=0o600)
        draft.write_text("".join(f"{line}\n" for line in kept), "utf-8")
        draft.replace(path)
    except OSError:
        pass
