"""The end of a log, for whoever asks later."""

import io
import logging
import threading

from tampu.telemetry.logs import logging_to
from tampu.telemetry.recent import MOST_CHARACTERS, RecentLines


def test_the_last_lines_are_kept_and_told_once() -> None:
    recent = RecentLines(most=3)
    for number in range(5):
        recent.add(str(number))
    assert recent.after(0) == (["2", "3", "4"], 5)
    assert recent.after(4) == (["4"], 5)
    assert recent.after(5) == ([], 5)


def test_a_long_line_is_cut() -> None:
    recent = RecentLines()
    recent.add("x" * (2 * MOST_CHARACTERS))
    assert len(recent.after(0)[0][0]) == MOST_CHARACTERS


def test_whatever_is_logged_is_kept_by_any_thread() -> None:
    recent, stream = RecentLines(), io.StringIO()
    log = logging.getLogger("tampu.test")
    with logging_to(stream, recent=recent):
        threads = [threading.Thread(target=lambda: [log.info("line") for _ in range(100)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines, count = recent.after(0)
    assert count == 400
    assert lines == stream.getvalue().splitlines()
