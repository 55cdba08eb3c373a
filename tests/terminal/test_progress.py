"""Spinners and bars: what stays of them in a pipe, and on a screen."""

import io

import pyte
import pytest

from tampu.client.answers import Report
from tampu.errors import ServerError
from tampu.terminal.console import Console
from tampu.terminal.progress import Bar, Progress, Spinner, follow

GB = 10**9


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def console(errors: io.StringIO) -> Console:
    return Console(io.StringIO(), io.StringIO(), errors)


def screen_of(text: str) -> list[str]:
    screen = pyte.Screen(80, 40)
    screen.set_mode(pyte.modes.LNM)
    pyte.Stream(screen).feed(text.replace("\x1b[?2026h", "").replace("\x1b[?2026l", ""))
    lines = [line.rstrip() for line in screen.display]
    while lines and not lines[-1]:
        lines.pop()
    return lines


REPORTS = [
    Report("pulling manifest"),
    Report("pulling aaaa", digest="sha256:aaaa", total=4 * GB),
    Report("pulling aaaa", digest="sha256:aaaa", total=4 * GB, completed=1_000_000),
    Report("pulling aaaa", digest="sha256:aaaa", total=4 * GB, completed=4 * GB),
    Report("verifying sha256 digest"),
    Report("success"),
]


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_what_is_left_of_a_pull(kind: type[io.StringIO]) -> None:
    errors = kind()
    with Progress(console(errors)) as progress:
        follow(progress, REPORTS, label=lambda report: f"{report.status}:", with_empty_bars=False)
    first, bar, *rest = screen_of(errors.getvalue())
    assert [first, *rest] == ["pulling manifest", "verifying sha256 digest", "success"]
    assert bar == f"pulling aaaa: 100% ▕{'█' * 26}▏   4 GB"


def test_a_pipe_holds_each_line_once_and_no_codes() -> None:
    errors = io.StringIO()
    with Progress(console(errors)) as progress:
        follow(progress, REPORTS)
    text = errors.getvalue()
    assert "\x1b" not in text
    assert text.count("pulling manifest\n") == 1
    assert text.endswith("success\n")


def test_a_settled_line_is_in_the_pipe_before_the_job_ends() -> None:
    errors = io.StringIO()
    with Progress(console(errors)) as progress:
        first = Spinner("gathering")
        progress.add(first)
        assert errors.getvalue() == ""
        first.settled = True
        progress.add(Spinner("copying"))
        assert errors.getvalue() == "gathering\n"


def test_a_job_that_fails_at_once_leaves_an_empty_line() -> None:
    errors = io.StringIO()

    def failing() -> None:
        with Progress(console(errors)):
            raise ServerError("disk full", status=500)

    with pytest.raises(ServerError):
        failing()
    assert errors.getvalue() == "\n"


def test_names_of_others_cannot_steer_the_terminal() -> None:
    errors = io.StringIO()
    with Progress(console(errors)) as progress:
        follow(progress, [Report("evil \x1b[2J\x07status")])
    assert errors.getvalue() == "evil [2Jstatus\n"


def test_more_lines_than_rows_do_not_pile_up() -> None:
    errors = Terminal()
    with Progress(console(errors)) as progress:
        follow(progress, [Report(f"step {number}") for number in range(30)])
    assert screen_of(errors.getvalue()) == [f"step {number}" for number in range(30)]


@pytest.mark.parametrize(
    ("completed", "after_s", "end"),
    [
        (1_000_000, [], "▏   1 MB/  4 GB                  "),
        (2 * GB, [(0, 0), (1, 100_000_000)], "▏   2 GB/  4 GB  100 MB/s     20s"),
        (GB, [(0, 0), (10, 1_000_000)], "▏   1 GB/  4 GB  100 KB/s   8h20m"),
        (GB, [(0, 0), (10, 10_000)], "▏   1 GB/  4 GB    1 KB/s    99h+"),
        (4 * GB, [(0, 0), (1, 4 * GB)], "█▏   4 GB                         "),
    ],
)
def test_a_bar(completed: int, after_s: list[tuple[float, int]], end: str) -> None:
    bar = Bar("m", 4 * GB)
    for at, count in after_s:
        bar.update(count, at)
    bar.completed = completed
    text = bar.text(70, 0.0)
    assert text.endswith(end), text
    assert len(text) == 70 - 1


def test_a_bar_on_a_narrow_screen_fits_it() -> None:
    bar = Bar("pulling aaaaaaaaaaaa:", 4 * GB)
    assert len(bar.text(30, 0.0)) <= 30
