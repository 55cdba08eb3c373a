"""Server-sent events, read as they come: feed bytes, take the data of whole events. No I/O."""

from typing import Final

EVENT_LIMIT: Final = 64 << 20
_NEWLINE: Final = 10
_ERROR_OPENING: Final = b'{"error":'


class EventTooLong(ValueError):
    """An event with no end in sight."""


class EventReader:
    """Any way of cutting the stream gives the same events. Comments and other fields than data are left out.

    An `error:` field (engines of old write errors so) reads as the data `{"error": ...}`.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._length = 0
        self.is_between = True
        """Whether what comes next begins an event."""

    def feed(self, received: bytes) -> list[bytes]:
        """The data of every event that `received` completes; raises EventTooLong."""
        # An engine writes one whole event at a time; nothing else is worth being fast for.
        end = len(received) - 2
        if self.is_between and received.find(b"\n") == end and received[-1] == _NEWLINE and received[:6] == b"data: ":
            return [received[6:end]]
        events = self._feed_lines(received)
        self.is_between = not self._line and not self._data
        return events

    def _feed_lines(self, received: bytes) -> list[bytes]:
        first, newline, others = received.partition(b"\n")
        self._line += first
        self._check_length()
        if not newline:
            return []
        *lines, rest = others.split(b"\n")
        lines.insert(0, bytes(self._line))
        self._line = bytearray(rest)
        events = (self._take_line(line.removesuffix(b"\r")) for line in lines)
        return [event for event in events if event]

    def _take_line(self, line: bytes) -> bytes:
        """The data of the event that an empty line ends; nothing for every other line."""
        if line:
            self._take_field(line)
            return b""
        event = b"\n".join(self._data)
        self._data.clear()
        self._length = 0
        return event

    def _take_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"error":
            value = _ERROR_OPENING + value + b"}"
        elif name != b"data":
            return
        self._data.append(value)
        self._length += len(value)
        self._check_length()

    def _check_length(self) -> None:
        if self._length + len(self._line) > EVENT_LIMIT:
            raise EventTooLong
