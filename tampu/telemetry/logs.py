"""The server's log: one line of text for each event, `time=... level=... msg=... key=value`, to stderr.

Code logs with the standard library: `logging.getLogger(__name__).info("model loaded", extra={"model": name})`. What is
in `extra` becomes the attributes. Names, ids, counts and times belong there; prompts and answers never do.
"""

import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final, TextIO

from tampu.telemetry.recent import RecentLines

TRACE: Final = 5
_ROOT: Final = "tampu"
_LEVELS: Final = (logging.INFO, logging.DEBUG, TRACE)
_LEVEL_NAMES: Final = {TRACE: "TRACE", logging.WARNING: "WARN", logging.CRITICAL: "ERROR"}
_OWN_FIELDS: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_QUOTED: Final = frozenset(' "=\\')


class TextFormatter(logging.Formatter):
    """Writes a record as one line; an exception follows as an attribute, its line breaks escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, without its end."""
        pairs = [
            f"time={_moment(record.created)}",
            f"level={_LEVEL_NAMES.get(record.levelno, record.levelname)}",
            f"source={record.name.removeprefix(f'{_ROOT}.')}:{record.lineno}",
            f"msg={_quoted(record.getMessage())}",
        ]
        pairs.extend(f"{_quoted(key)}={_quoted(_text(value))}" for key, value in _attributes(record).items())
        if record.exc_info:
            pairs.append(f"exception={_quoted(self.formatException(record.exc_info))}")
        return " ".join(pairs)


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines to a stream, and tells them to what keeps the last ones."""

    def __init__(self, stream: TextIO, recent: RecentLines | None) -> None:
        super().__init__(stream)
        self._recent = recent

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        if self._recent is not None:
            self._recent.add(line)
        return line


@contextmanager
def logging_to(stream: TextIO | None = None, *, level: int = 0, recent: RecentLines | None = None) -> Iterator[None]:
    """Log what Tampu says to `stream` (stderr) while open. `level`: 0 information, 1 debug, 2 and more trace.

    Other libraries are heard from warnings up, whatever the level. `recent` hears each line too.
    """
    handler = _Handler(sys.stderr if stream is None else stream, recent)
    handler.setFormatter(TextFormatter())
    ours, everybody = logging.getLogger(_ROOT), logging.getLogger()
    before = ours.level
    set_level(level)
    everybody.addHandler(handler)
    try:
        yield
    finally:
        everybody.removeHandler(handler)
        ours.setLevel(before)


def set_level(level: int) -> None:
    """Log so much from now on: 0 information, 1 debug, 2 and more trace."""
    logging.getLogger(_ROOT).setLevel(_LEVELS[min(level, len(_LEVELS) - 1)])


def _attributes(record: logging.LogRecord) -> Mapping[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _OWN_FIELDS}


def _moment(seconds: float) -> str:
    """RFC 3339 with milliseconds and the local offset."""
    offset_s = time.localtime(seconds).tm_gmtoff
    moment = datetime.fromtimestamp(seconds, UTC) + timedelta(seconds=offset_s)
    hours, minutes = divmod(abs(offset_s) // 60, 60)
    zone = f"{'-' if offset_s < 0 else '+'}{hours:02}:{minutes:02}" if offset_s else "Z"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}{zone}"


def _text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _quoted(text: str) -> str:
    """`text` as it stands if it is one plain word, else in double quotes with everything unprintable escaped."""
    if text and text.isprintable() and _QUOTED.isdisjoint(text):
        return text
    if text.isprintable():
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    match character:
        case '"' | "\\":
            return f"\\{character}"
        case "\n":
            return "\\n"
        case "\t":
            return "\\t"
        case _ if character.isprintable():
            return character
        case _:
            return character.encode("unicode_escape", "surrogatepass").decode("ascii")
