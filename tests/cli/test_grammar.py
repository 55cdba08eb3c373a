"""Flags and words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.cli.grammar import Flag, Words, at_least, exactly, read_flags, split_command
from tampu.errors import BadRequest

FLAGS = (
    Flag(["--verbose"], default=False),
    Flag(["-f", "--file"], word="string"),
    Flag(["-q", "--quiet"]),
    Flag(["--think"], word="string", without_value="true"),
    Flag(["--dimensions"], word="int"),
)


@pytest.mark.parametrize(
    ("arguments", "given", "words"),
    [
        ("m hi --verbose", {"verbose": True}, ["m", "hi"]),
        ("--verbose=false m", {"verbose": False}, ["m"]),
        ("--think high", {"think": "true"}, ["high"]),
        ("--think=high x", {"think": "high"}, ["x"]),
        ("-f a b", {"file": "a"}, ["b"]),
        ("-fa -f=b", {"file": "b"}, []),
        ("-qf a", {"quiet": True, "file": "a"}, []),
        ("-q=false", {"quiet": False}, []),
        ("--file=", {"file": ""}, []),
        ("--file --verbose", {"file": "--verbose"}, []),
        ("a -- --verbose -x", {}, ["a", "--verbose", "-x"]),
        ("- a", {}, ["-", "a"]),
        ("--dimensions -1", {"dimensions": -1}, []),
        ("-h", {"help": True}, []),
    ],
)
def test_reading(arguments: str, given: dict[str, object], words: list[str]) -> None:
    assert read_flags(FLAGS, arguments.split(" ")) == (given, words)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("--nope", "unknown flag: --nope"),
        ("--nope=1", "unknown flag: --nope"),
        ("-z", "unknown shorthand flag: 'z' in -z"),
        ("-qz", "unknown shorthand flag: 'z' in -z"),
        ("--file", "flag needs an argument: --file"),
        ("-f", "flag needs an argument: 'f' in -f"),
        ("---x", "bad flag syntax: ---x"),
        ("--=x", "bad flag syntax: --=x"),
        (
            "--verbose=maybe",
            'invalid argument "maybe" for "--verbose" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
        ),
        (
            "--dimensions x",
            'invalid argument "x" for "--dimensions" flag: strconv.ParseInt: parsing "x": invalid syntax',
        ),
        ("--help --nope", "unknown flag: --nope"),
    ],
)
def test_mistakes(arguments: str, text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_flags(FLAGS, arguments.split(" "))
    assert caught.value.message == text


@given(st.lists(st.text(max_size=6), max_size=6))
def test_any_words_are_read_or_refused_in_one_line(arguments: list[str]) -> None:
    try:
        _, words = read_flags(FLAGS, arguments)
    except BadRequest:
        return
    assert set(words) <= set(arguments)


@pytest.mark.parametrize(
    ("words", "count", "text"),
    [
        (exactly(1), 0, "accepts 1 arg(s), received 0"),
        (exactly(2), 3, "accepts 2 arg(s), received 3"),
        (at_least(1), 0, "requires at least 1 arg(s), only received 0"),
        (Words(0, 1), 2, "accepts at most 1 arg(s), received 2"),
    ],
)
def test_counting_words(words: Words, count: int, text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        words.check(count)
    assert caught.value.message == text


@pytest.mark.parametrize(
    ("arguments", "command", "rest"),
    [
        ("--verbose run m", "run", "--verbose m"),
        ("--file run m", "m", "--file run"),
        ("--format json run m", "run", "--format json m"),
        ("-x json run m", "run", "-x json m"),
        ("--format=json run m", "run", "--format=json m"),
        ("-xy run m", "run", "-xy m"),
        ("--nope run", None, "--nope run"),
        ("- run m", "run", "- m"),
        ("-- run m", None, "-- run m"),
        ("--version", None, "--version"),
    ],
)
def test_the_command_is_the_first_word_that_is_no_value(arguments: str, command: str | None, rest: str) -> None:
    assert split_command(arguments.split(), (Flag(["--verbose"]),)) == (command, rest.split())


def test_without_words_there_is_no_command() -> None:
    assert split_command([], ()) == (None, [])
    assert split_command([""], ()) == (None, [""])
