import io
import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.telemetry.logs import TRACE, TextFormatter, logging_to

LINE = re.compile(
    r'time=(\S+) level=(\S+) source=(\S+) msg=("(?:[^"\\]|\\.)*"|\S+)((?: \S+=(?:"(?:[^"\\]|\\.)*"|\S+))*)'
)


@pytest.fixture
def log():
    stream = io.StringIO()
    with logging_to(stream, level=1):
        yield stream


def test_a_line_has_time_level_source_message_and_attributes(log):
    logging.getLogger("tampu.scheduler.scheduler").info("model loaded", extra={"model": "a:latest", "seconds": 0.25})
    line = log.getvalue()
    assert line.endswith('msg="model loaded" model=a:latest seconds=0.25\n')
    time, level, source, _, _ = LINE.fullmatch(line.rstrip("\n")).groups()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)", time)
    assert (level, source.partition(":")[0]) == ("INFO", "scheduler.scheduler")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ('say "hi"', r'"say \"hi\""'),
        ("back\\slash", r'"back\\slash"'),
        ("line\nbreak", r'"line\nbreak"'),
        ("\x1b[31m", r'"\x1b[31m"'),
        ("你好", "你好"),
        ("\ud800", r'"\ud800"'),
        (True, "true"),
        (None, "None"),
        (12, "12"),
    ],
)
def test_values_are_written_so_that_a_line_stays_a_line(log, value, written):
    logging.getLogger("tampu").info("x", extra={"value": value})
    assert log.getvalue().endswith(f"msg=x value={written}\n")


def test_an_exception_stays_on_the_line(log):
    try:
        int("a\nb")
    except ValueError:
        logging.getLogger("tampu").exception("it broke")
    assert log.getvalue().count("\n") == 1
    assert "ValueError: invalid literal for int() with base 10: 'a\\\\nb'" in log.getvalue()


@pytest.mark.parametrize(
    ("level", "heard"),
    [(0, ["INFO", "WARN"]), (1, ["DEBUG", "INFO", "WARN"]), (2, ["TRACE", "DEBUG", "INFO", "WARN"])],
)
def test_levels(level, heard):
    stream = io.StringIO()
    with logging_to(stream, level=level):
        for number in (TRACE, logging.DEBUG, logging.INFO, logging.WARNING):
            logging.getLogger("tampu.x").log(number, "said")
    assert re.findall(r"level=(\w+)", stream.getvalue()) == heard


def test_other_libraries_are_heard_when_they_warn():
    stream = io.StringIO()
    with logging_to(stream, level=2):
        logging.getLogger("elsewhere").info("chatter")
        logging.getLogger("elsewhere").warning("trouble")
    assert "chatter" not in stream.getvalue()
    assert "source=elsewhere:" in stream.getvalue()


def test_it_ends():
    stream = io.StringIO()
    with logging_to(stream):
        pass
    logging.getLogger("tampu").error("too late")
    assert stream.getvalue() == ""


@given(message=st.text(), value=st.text())
def test_any_text_gives_one_line_that_can_be_read(message, value):
    record = logging.makeLogRecord({"name": "tampu.x", "msg": message, "levelname": "INFO", "levelno": 20, "v": value})
    line = TextFormatter().format(record)
    assert len(line.splitlines()) == 1
    assert LINE.fullmatch(line)
