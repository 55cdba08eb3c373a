"""Spinners and bars on standard error, redrawn while a job runs.

Rules:
1. Lines stand in the order in which they were added. A line is settled once its text will not change any more.
2. Settled lines that have no unsettled line above them are written once, for good, and never touched again.
3. On a terminal the lines below are redrawn ten times a second; anywhere else nothing of them is written until they
   settle or the job ends, so a log holds each line once, without frames.
"""

import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, Protocol, Self

from tampu.client.answers import Report
from tampu.terminal.console import HIDE_CURSOR, SHOW_CURSOR, Console, printable
from tampu.units import NS_PER_S, format_bytes, format_duration

FRAMES: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FRAME_S: Final = 0.1
BEGIN_FRAME: Final = "\x1b[?2026h"
END_FRAME: Final = "\x1b[?2026l"
RATE_SAMPLES: Final = 10


class Line(Protocol):
    """One line of the display."""

    @property
    def settled(self) -> bool:
        """Whether its text is final."""

    def text(self, width: int, now: float) -> str:
        """The line as it is at the moment `now`, for a screen of `width` columns."""


class Spinner:
    """A message with a turning sign behind it; once stopped, the message alone."""

    def __init__(self, message: str = "") -> None:
        self.message = message
        self.settled = False

    def text(self, width: int, now: float) -> str:  # noqa: ARG002  # a message is as long as it is
        if self.settled:
            return self.message
        frame = FRAMES[int(now / FRAME_S) % len(FRAMES)]
        return f"{self.message} {frame} " if self.message else f"{frame} "


class Bar:
    """A layer on its way: percent, a bar, sizes, speed and the time that is left."""

    def __init__(self, message: str, total: int) -> None:
        self.message, self.total, self.completed = message, total, 0
        self._samples: list[tuple[float, int]] = []

    @property
    def settled(self) -> bool:
        return self.completed >= self.total

    def update(self, completed: int, now: float) -> None:
        """Note that so many bytes are done; a speed needs at least two samples, a second apart."""
        self.completed = completed
        if not self._samples or now - self._samples[-1][0] >= 1.0:
            self._samples = [*self._samples[1 - RATE_SAMPLES :], (now, completed)]

    @property
    def bytes_per_s(self) -> float:
        """The speed over the last samples; 0 while unknown."""
        if len(self._samples) < 2:
            return 0.0
        (first, start), (last, end) = self._samples[0], self._samples[-1]
        return (end - start) / (last - first)

    def text(self, width: int, now: float) -> str:  # noqa: ARG002  # the speed comes from the samples
        percent = 100.0 if self.settled else 100.0 * self.completed / self.total
        before = f"{self.message} {percent:3.0f}%"
        after = self._sizes() + self._pace()
        room = max(0, width - len(before) - len(after) - 5)
        filled = int(room * percent / 100)
        line = f"{before} ▕{'█' * filled}{' ' * (room - filled)}▏ {after}"
        return line if len(line) <= width else line.rstrip()[:width]

    def _sizes(self) -> str:
        total = f"{format_bytes(self.total):>6}"
        return f"{total}{' ' * 7}" if self.settled else f"{format_bytes(self.completed):>6}/{total}"

    def _pace(self) -> str:
        speed = self.bytes_per_s
        if self.settled or speed <= 0:
            return " " * 18
        left = _remaining(int((self.total - self.completed) / speed))
        return f"  {format_bytes(speed):>6}/s  {left:>6}"


def _remaining(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    if hours >= 100:
        return "99h+"
    return f"{hours}h{rest // 60}m" if hours else format_duration(seconds * NS_PER_S)


class Progress:
    """The display of one job: `with Progress(console) as progress: progress.add(Spinner("..."))`."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._lines: list[Line] = []
        self._rows_above = 0
        self._is_empty = True
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._redrawing = threading.Thread(target=self._redraw_until_over, daemon=True)

    def __enter__(self) -> Self:
        self._console.spun = True
        if self._console.tells_terminal:
            self._redrawing.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def add(self, line: Line) -> None:
        """Show `line` below the others."""
        with self._lock:
            self._lines.append(line)
        self.refresh()

    def refresh(self) -> None:
        """Write what has settled; on a terminal the next frame does."""
        if not self._console.tells_terminal:
            with self._lock:
                self._tell(self._take_settled())

    def stop(self) -> None:
        """End the display; every line stays as it is now."""
        if not self._end():
            return
        for line in self._lines:
            if isinstance(line, Spinner):
                line.settled = True
        width, now = self._console.errors_width, self._clock()
        lines = [self._final(line, width, now) for line in self._lines]
        self._lines = []
        text = "".join(lines)
        if self._is_empty and not text:
            text = "\n"
        self._tell(f"{self._back()}{text}{SHOW_CURSOR}" if self._console.tells_terminal else text)

    def clear(self) -> None:
        """End the display and take it off the screen."""
        if self._end() and self._console.tells_terminal:
            self._tell(f"{self._back()}{SHOW_CURSOR}")

    def _end(self) -> bool:
        """Stop redrawing; False where that was done before."""
        if self._is_over.is_set():
            return False
        self._is_over.set()
        if self._redrawing.is_alive():
            self._redrawing.join()
        return True

    def _redraw_until_over(self) -> None:
        while not self._is_over.is_set():
            with self._lock:
                self._draw()
            self._is_over.wait(FRAME_S)

    def _draw(self) -> None:
        back, settled = self._back(), self._take_settled()
        width, now = self._console.errors_width, self._clock()
        live = [line.text(width, now) for line in self._lines]
        self._rows_above = max(0, sum(_rows(text, width) for text in live) - 1)
        self._tell(f"{BEGIN_FRAME}{HIDE_CURSOR}{back}{settled}{chr(10).join(live)}{END_FRAME}")

    def _back(self) -> str:
        """Codes that lead to where the unsettled lines begin, and erase them."""
        up = f"\x1b[{self._rows_above}A" if self._rows_above else ""
        self._rows_above = 0
        return f"{up}\x1b[1G\x1b[J"

    def _take_settled(self) -> str:
        """Rule 2: the settled lines at the top, which are no longer ours afterwards."""
        count = next((place for place, line in enumerate(self._lines) if not line.settled), len(self._lines))
        taken, self._lines = self._lines[:count], self._lines[count:]
        width, now = self._console.errors_width, self._clock()
        return "".join(self._final(line, width, now) for line in taken)

    def _final(self, line: Line, width: int, now: float) -> str:
        self._is_empty = False
        return f"{line.text(width, now).rstrip()}\n"

    def _tell(self, text: str) -> None:
        if text:
            self._console.tell(text)


def _rows(text: str, width: int) -> int:
    return max(1, -(-len(text.rstrip()) // width))


def follow(
    progress: Progress,
    reports: Iterable[Report],
    *,
    label: Callable[[Report], str] = lambda report: report.status,
    with_empty_bars: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Show a job's reports until they end: a spinner for each step, a bar for each layer, named by `label`."""
    bars: dict[str, Bar] = {}
    spinner = Spinner()
    for report in reports:
        if report.digest:
            if not report.completed and not with_empty_bars:
                continue
            spinner.settled = True
            if report.digest not in bars:
                bars[report.digest] = Bar(printable(label(report)), report.total)
                progress.add(bars[report.digest])
            bars[report.digest].update(report.completed, clock())
            progress.refresh()
        elif report.status != spinner.message or spinner.settled:
            spinner.settled = True
            spinner = Spinner(printable(report.status))
            progress.add(spinner)
    spinner.settled = True
