"""The tokens of a template, read one after another, and the complaints of Go's parser about what stands there."""

from typing import Final, NoReturn

from tampu.errors import InvalidTemplate
from tampu.templates.go.lexer import Kind, Lexer, Token
from tampu.templates.go.quoting import go_quote
from tampu.templates.go.values import to_bytes

_SHOWN: Final = 10


class TokenReader:
    """Behind the last token, END or ERROR, there is nothing but that one again.

    `action_line`: where the action begins that is being read, 0 outside of actions. `furthest`: the token that was
    looked at furthest on; errors name its line.
    """

    def __init__(self, text: str) -> None:
        self._tokens = Lexer(text).tokens()
        self._next = 0
        self.action_line = self.furthest = 0

    @property
    def place(self) -> int:
        """Where the reader is, to `go_back` to."""
        return self._next

    def go_back(self, place: int) -> None:
        """Read on from there."""
        self._next = place

    def take(self) -> Token:
        """The next token, which is read thereby."""
        token = self.peek()
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def peek(self) -> Token:
        """The next token."""
        self.furthest = max(self.furthest, self._next)
        return self._tokens[self._next]

    def take_solid(self) -> Token:
        """The next token that is no blank, read."""
        self.skip_space()
        return self.take()

    def peek_solid(self) -> Token:
        """The next token that is no blank."""
        self.skip_space()
        return self.peek()

    def skip_space(self) -> None:
        """Read blanks."""
        while self.peek().kind is Kind.SPACE:
            self._next += 1

    def expect(self, kind: Kind, context: str) -> Token:
        """The next token that is no blank, read; raises InvalidTemplate where it is of another kind."""
        token = self.take_solid()
        if token.kind is not kind:
            self.unexpected(token, context)
        return token

    def failure(self, message: str) -> InvalidTemplate:
        """The error, with its line."""
        return InvalidTemplate(f"template: :{self._tokens[self.furthest].line}: {message}")

    def unexpected(self, token: Token, context: str) -> NoReturn:
        """Raise for a token that may not stand where it does."""
        if token.kind is Kind.ERROR:
            started = f" started at :{self.action_line}" if self.action_line not in {0, token.line} else ""
            raise self.failure(
                token.text + (started if token.text.endswith(" action") or not started else " in action" + started)
            )
        raise self.failure(f"unexpected {_shown(token)} in {context}")


def _shown(token: Token) -> str:
    if token.kind is Kind.END:
        return "EOF"
    if token.kind in {Kind.KEYWORD, Kind.DOT, Kind.NIL}:
        return f"<{token.text}>"
    text = token.text
    return f"{go_quote(text[:_SHOWN])}..." if len(to_bytes(text)) > _SHOWN else go_quote(text)
