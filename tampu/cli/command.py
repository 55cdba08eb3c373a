"""What a command is: click's, with flags and words read by our grammar and help laid out by our pages."""

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, Final, Self

import click

from tampu.cli.grammar import HELP, NO_WORDS, Flag, Words, read_flags
from tampu.cli.help import HOST_VARIABLE, command_page
from tampu.cli.invocation import Invocation

Callback = Callable[..., object]


class Command(click.Command):
    """One command. Its callback takes the Invocation, the words (a tuple) and the flags by name."""

    def __init__(
        self,
        name: str,
        *,
        takes: str = "",
        words: Words = NO_WORDS,
        aliases: Sequence[str] = (),
        variables: Sequence[str] = HOST_VARIABLE,
        **more: Any,
    ) -> None:
        super().__init__(name, add_help_option=False, **more)
        self.usage = f"{name} {takes}".strip()
        self.takes = takes
        self.words, self.aliases, self.variables = words, tuple(aliases), tuple(variables)

    @property
    def function(self) -> Callback:
        """What it calls, with its flags still on it, so that another command may call it too."""
        assert self.callback is not None, "every command is made of a function"  # noqa: S101  # a contract of this package
        return self.callback

    @property
    def flags(self) -> list[Flag]:
        """The flags of this command."""
        return [parameter for parameter in self.params if isinstance(parameter, Flag)]

    def page(self, program: str) -> str:
        """What --help prints of it."""
        return command_page(
            program,
            self.usage,
            summary=str(self.help),
            aliases=self.aliases,
            flags=self.flags,
            variables=self.variables,
        )

    def named(self, name: str) -> Self:
        """The same command under a name of its own, which its help shows; unlike an alias, no page lists it."""
        twin = copy(self)
        twin.name, twin.usage = name, f"{name} {self.takes}".strip()
        return twin

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given, words = read_flags(self.flags, args)
        if given.get(HELP):
            invocation_of(ctx).console.write(self.page(invocation_of(ctx).program))
            ctx.exit()
        self.words.check(len(words))
        ctx.params = {str(flag.name): given.get(str(flag.name), flag.default) for flag in self.flags}
        ctx.params |= {"invocation": invocation_of(ctx), "words": tuple(words)}
        ctx.args = []
        return []


def command(name: str, **more: Any) -> Callable[[Callback], Command]:
    """Make a command of a function: `@command("stop", takes="MODEL", words=exactly(1), help="...")`."""

    def decorate(callback: Callback) -> Command:
        params = list(reversed(getattr(callback, _CLICK_PARAMS, [])))
        return Command(name, callback=callback, params=params, **more)

    return decorate


_CLICK_PARAMS: Final = "__click_params__"
"""Where click's decorators leave the options of a function."""


def invocation_of(ctx: click.Context) -> Invocation:
    """The invocation that a context belongs to."""
    found = ctx.find_object(Invocation)
    assert found is not None, "every context is made below main's"  # noqa: S101  # a contract of this package
    return found
