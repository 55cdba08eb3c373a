"""How a command line is read: flags and words by the rules of Ollama's parser, with its words for every mistake.

The commands are click's, but click's own parser reads a few things differently (an optional value, `--flag=false`,
a cluster of short flags) and says everything differently; so flags are read here, for all commands alike.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click

from tampu.config import GO_FALSE, GO_TRUE
from tampu.errors import BadRequest

HELP: Final = "help"


class Flag(click.Option):
    """A flag. `word` names the kind of its value in help; `beyond` marks one that Ollama does not have.

    `without_value` is what the flag means where no `=value` follows it; such a flag never takes the next word.
    """

    def __init__(
        self,
        declarations: Sequence[str],
        *,
        word: str = "",
        without_value: str | None = None,
        beyond: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(declarations, type=click.UNPROCESSED, **more)
        self.word = word
        self.without_value = "true" if not word else without_value
        self.beyond = beyond

    @property
    def long(self) -> str:
        """The long name with its dashes."""
        return max(self.opts, key=len)

    @property
    def short(self) -> str:
        """The letter, "" where there is none."""
        return min(self.opts, key=len).lstrip("-") if len(self.opts) > 1 else ""

    def read(self, text: str) -> object:
        """The value that `text` stands for; raises BadRequest."""
        try:
            return _READERS[self.word](text)
        except ValueError as error:
            name = f"-{self.short}, {self.long}" if self.short else self.long
            raise BadRequest(f'invalid argument "{text}" for "{name}" flag: {error}') from None


def flag(*declarations: str, **more: Any) -> Callable[..., Any]:
    """Give a command a flag: `@flag("--verbose", help="...")`, `@flag("--format", word="string", help="...")`."""
    default = None if more.get("word") else False
    return click.option(*declarations, cls=Flag, **{"default": default, "show_default": False, **more})


def _read_boolean(text: str) -> bool:
    if text in GO_TRUE:
        return True
    if text in GO_FALSE:
        return False
    raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')


def _read_integer(text: str) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None
    if not -(2**63) <= number < 2**63:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": value out of range')
    return number


_READERS: Final[Mapping[str, Callable[[str], object]]] = {"": _read_boolean, "string": str, "int": _read_integer}


@dataclass(frozen=True, slots=True)
class Words:
    """How many words a command takes."""

    least: int = 0
    most: int | None = None

    def check(self, count: int) -> None:
        """Raise BadRequest for too few or too many."""
        if self.least == self.most and count != self.least:
            raise BadRequest(f"accepts {self.least} arg(s), received {count}")
        if count < self.least:
            raise BadRequest(f"requires at least {self.least} arg(s), only received {count}")
        if self.most is not None and count > self.most:
            raise BadRequest(f"accepts at most {self.most} arg(s), received {count}")


NO_WORDS: Final = Words(0, 0)


def exactly(count: int) -> Words:
    """So many words, no more and no fewer."""
    return Words(count, count)


def at_least(count: int) -> Words:
    """So many words or more."""
    return Words(count)


def split_command(arguments: Sequence[str], flags: Iterable[Flag]) -> tuple[str | None, list[str]]:
    """The command's name, None where there is none, and everything else. `flags`: those of the program itself.

    Flags may stand before the name. One that the program does not know is taken to have the next word for its value:
    in `--format json run` the command is run. A flag without enough behind it is left for the program to refuse.
    """
    lone = {name for flag in flags if flag.without_value is not None for name in (flag.long, f"-{flag.short}")}
    place = 0
    while place < len(arguments) and arguments[place] != "--":
        argument = arguments[place]
        if argument and not argument.startswith("-"):
            return argument, [*arguments[:place], *arguments[place + 1 :]]
        if _takes_next(argument, lone):
            if len(arguments) - place <= 2:
                break
            place += 1
        place += 1
    return None, list(arguments)


def _takes_next(argument: str, lone: Collection[str]) -> bool:
    is_flag = argument.startswith("--") or (argument.startswith("-") and len(argument) == 2)
    return is_flag and "=" not in argument and argument not in lone


def read_flags(flags: Iterable[Flag], arguments: Sequence[str]) -> tuple[dict[str, object], list[str]]:
    """The flags that are given, by name, and the words between them; raises BadRequest. `help` is always known."""
    return _Reading(flags).read(arguments)


class _Reading:
    """One command line being read."""

    def __init__(self, flags: Iterable[Flag]) -> None:
        known = [*flags, Flag(["-h", "--help"])]
        self._long = {flag.long[2:]: flag for flag in known}
        self._short = {flag.short: flag for flag in known if flag.short}
        self._given: dict[str, object] = {}

    def read(self, arguments: Sequence[str]) -> tuple[dict[str, object], list[str]]:
        words: list[str] = []
        rest = iter(arguments)
        for argument in rest:
            if argument == "--":
                words.extend(rest)
            elif argument.startswith("--"):
                self._read_long(argument[2:], rest)
            elif argument.startswith("-") and len(argument) > 1:
                self._read_short(argument[1:], rest)
            else:
                words.append(argument)
        return self._given, words

    def _read_long(self, text: str, rest: Iterator[str]) -> None:
        name, equals, value = text.partition("=")
        if not name or name.startswith("-"):
            raise BadRequest(f"bad flag syntax: --{text}")
        flag = self._long.get(name)
        if flag is None:
            raise BadRequest(f"unknown flag: --{name}")
        if not equals:
            value = self._value(flag, rest, f"--{name}")
        self._give(flag, value)

    def _read_short(self, cluster: str, rest: Iterator[str]) -> None:
        while cluster:
            letter, after = cluster[0], cluster[1:]
            flag = self._short.get(letter)
            if flag is None:
                raise BadRequest(f"unknown shorthand flag: '{letter}' in -{cluster}")
            if after.startswith("=") and len(after) > 1:
                value, after = after[1:], ""
            elif flag.without_value is not None or not after:
                value = self._value(flag, rest, f"'{letter}' in -{cluster}")
            else:
                value, after = after, ""
            self._give(flag, value)
            cluster = after

    def _value(self, flag: Flag, rest: Iterator[str], written: str) -> str:
        value = flag.without_value if flag.without_value is not None else next(rest, None)
        if value is None:
            raise BadRequest(f"flag needs an argument: {written}")
        return value

    def _give(self, flag: Flag, text: str) -> None:
        self._given[str(flag.name)] = flag.read(text)
