"""Cuts template text into tokens, as Go's text/template does: same tokens, same trimming, same complaints."""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from tampu.templates.go.quoting import go_quote

LEFT: Final = "{{"
RIGHT: Final = "}}"
BLANKS: Final = " \t\r\n"


class Kind(Enum):
    """What a token is; keywords carry their word as text."""

    ERROR = auto()
    END = auto()
    TEXT = auto()
    LEFT = auto()
    RIGHT = auto()
    SPACE = auto()
    KEYWORD = auto()
    IDENTIFIER = auto()
    FIELD = auto()
    VARIABLE = auto()
    DOT = auto()
    NIL = auto()
    BOOL = auto()
    NUMBER = auto()
    COMPLEX = auto()
    CHARACTER = auto()
    STRING = auto()
    RAW_STRING = auto()
    PIPE = auto()
    ASSIGN = auto()
    DECLARE = auto()
    OPEN = auto()
    CLOSE = auto()
    SIGN = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a template; `position` counts characters, `line` from 1."""

    kind: Kind
    text: str
    position: int
    line: int


KEYWORDS: Final = frozenset({"block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"})
_WORDS: Final = {"true": Kind.BOOL, "false": Kind.BOOL, "nil": Kind.NIL}
_SINGLE: Final = {"|": Kind.PIPE, "=": Kind.ASSIGN, "(": Kind.OPEN, ")": Kind.CLOSE}
_SPACE = re.compile("[ \t\r\n]+")
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?"
    r"|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?"
)
_QUOTED: Final = {
    '"': (re.compile(r'"(?:[^"\\\n]|\\[^\n])*"'), Kind.STRING, "unterminated quoted string"),
    "'": (re.compile(r"'(?:[^'\\\n]|\\[^\n])*'"), Kind.CHARACTER, "unterminated character constant"),
    "`": (re.compile(r"`[^`]*`"), Kind.RAW_STRING, "unterminated raw quoted string"),
}


class _Stop(Exception):
    """The text cannot be cut further."""


class Lexer:
    """Cuts one text; the last token is END or ERROR, whose text then says what is wrong."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[Token] = []
        self._position = 0
        self._line = 1
        self._counted = 0
        self._parentheses = 0

    def tokens(self) -> list[Token]:
        """All tokens of the text."""
        try:
            while self._lex_text():
                self._lex_action()
            self._emit(Kind.END, 0)
        except _Stop:
            pass
        return self._tokens

    def _emit(self, kind: Kind, length: int) -> None:
        start = self._position
        self._tokens.append(Token(kind, self._text[start : start + length], start, self._line_at(start)))
        self._position = start + length

    def _line_at(self, position: int) -> int:
        self._line += self._text.count("\n", self._counted, position)
        self._counted = max(position, self._counted)
        return self._line

    def _fail(self, message: str, *, start: int | None = None) -> _Stop:
        start = self._position if start is None else start
        self._tokens.append(Token(Kind.ERROR, message, start, self._line_at(start)))
        return _Stop()

    def _lex_text(self) -> bool:
        """Text up to the next action, trimmed if that asks for it; False at the end of the input."""
        found = self._text.find(LEFT, self._position)
        end = len(self._text) if found < 0 else found
        kept = end
        if found >= 0 and self._trims_left(found + len(LEFT)):
            kept = self._position + len(self._text[self._position : end].rstrip(BLANKS))
        if kept > self._position:
            self._emit(Kind.TEXT, kept - self._position)
        self._position = end
        return found >= 0

    def _trims_left(self, position: int) -> bool:
        mark = self._text[position : position + 2]
        return len(mark) == len("- ") and mark[0] == "-" and mark[1] in BLANKS

    def _lex_action(self) -> None:
        start = self._position
        content = start + len(LEFT) + (2 if self._trims_left(start + len(LEFT)) else 0)
        if self._text.startswith("/*", content):
            self._position = content
            self._skip_comment()
            return
        self._emit(Kind.LEFT, len(LEFT))
        self._position = content
        self._parentheses = 0
        while not self._lex_right():
            self._lex_inside()

    def _skip_comment(self) -> None:
        start = self._position
        end = self._text.find("*/", start + len("/*"))
        if end < 0:
            raise self._fail("unclosed comment")
        self._position = end + len("*/")
        width, trims = self._right_width()
        if not width:
            raise self._fail("comment ends before closing delimiter", start=start)
        self._leave(width, trims=trims)

    def _right_width(self) -> tuple[int, bool]:
        """Length of a closing delimiter at this place (0: none) and whether it trims the text after it."""
        if self._text.startswith(RIGHT, self._position):
            return len(RIGHT), False
        if self._text[self._position : self._position + 1] in BLANKS and self._text.startswith(
            "-" + RIGHT, self._position + 1
        ):
            return len(" -" + RIGHT), True
        return 0, False

    def _lex_right(self) -> bool:
        width, trims = self._right_width()
        if not width:
            return False
        if self._parentheses:
            raise self._fail("unclosed left paren")
        if trims:
            self._position += len(" -")
            width -= len(" -")
        self._emit(Kind.RIGHT, width)
        self._leave(0, trims=trims)
        return True

    def _leave(self, width: int, *, trims: bool) -> None:
        self._position += width
        blanks = _SPACE.match(self._text, self._position) if trims else None
        if blanks:
            self._position = blanks.end()

    def _lex_inside(self) -> None:
        character = self._text[self._position : self._position + 1]
        if not character:
            raise self._fail("unclosed action")
        if character in BLANKS:
            self._lex_space()
        elif character in _QUOTED:
            self._lex_quoted(character)
        elif character == "$" or (character == "." and self._starts_field()):
            self._lex_name(character)
        elif character in "+-." or character in "0123456789":
            self._lex_number()
        elif _word_end(character, 0):
            self._lex_word()
        else:
            self._lex_sign(character)

    def _lex_space(self) -> None:
        match = _SPACE.match(self._text, self._position)
        assert match is not None  # noqa: S101 - the caller saw a blank
        end = match.end()
        if self._text.startswith("-" + RIGHT, end):
            end -= 1  # the last blank belongs to the trim marker
        self._emit(Kind.SPACE, end - self._position)

    def _lex_quoted(self, quote: str) -> None:
        pattern, kind, complaint = _QUOTED[quote]
        match = pattern.match(self._text, self._position)
        if match is None:
            raise self._fail(complaint)
        self._emit(kind, match.end() - self._position)

    def _lex_name(self, mark: str) -> None:
        """A field `.a`, a variable `$a`, or the mark alone."""
        end = _word_end(self._text, self._position + 1)
        self._require_terminator(end)
        alone = Kind.VARIABLE if mark == "$" else Kind.DOT
        named = Kind.VARIABLE if mark == "$" else Kind.FIELD
        self._emit(named if end > self._position + 1 else alone, end - self._position)

    def _starts_field(self) -> bool:
        """Whether a dot is no number; behind it comes something, and that is no digit."""
        return self._text[self._position + 1 : self._position + 2] not in {"", *"0123456789"}

    def _lex_number(self) -> None:
        """A number, or two with a sign between them: the parts of a complex one."""
        end = self._number_end(self._position)
        if self._text[end : end + 1] not in {"+", "-"}:
            self._emit(Kind.NUMBER, end - self._position)
            return
        end = self._number_end(end)
        if self._text[end - 1] != "i":
            raise self._bad_number(end)
        self._emit(Kind.COMPLEX, end - self._position)

    def _number_end(self, start: int) -> int:
        match = _NUMBER.match(self._text, start)
        assert match is not None  # noqa: S101 - the pattern matches the empty text too
        if _word_end(self._text, match.end()) > match.end():
            raise self._bad_number(match.end() + 1)
        return match.end()

    def _bad_number(self, end: int) -> _Stop:
        return self._fail(f"bad number syntax: {go_quote(self._text[self._position : end])}")

    def _lex_word(self) -> None:
        end = _word_end(self._text, self._position)
        word = self._text[self._position : end]
        self._require_terminator(end)
        kind = Kind.KEYWORD if word in KEYWORDS else _WORDS.get(word, Kind.IDENTIFIER)
        self._emit(kind, len(word))

    def _require_terminator(self, end: int) -> None:
        following = self._text[end : end + 1]
        if not following or following in BLANKS + ".,|:()" or self._text.startswith(RIGHT, end):
            return
        raise self._fail(f"bad character {_shown(following)}")

    def _lex_sign(self, character: str) -> None:
        if character == "(":
            self._parentheses += 1
        elif character == ")":
            self._parentheses -= 1
            if self._parentheses < 0:
                raise self._fail("unexpected right paren")
        if character == ":":
            if not self._text.startswith(":=", self._position):
                raise self._fail("expected :=")
            self._emit(Kind.DECLARE, 2)
        elif character in _SINGLE:
            self._emit(_SINGLE[character], 1)
        elif character.isascii() and character.isprintable():
            self._emit(Kind.SIGN, 1)
        else:
            raise self._fail(f"unrecognized character in action: {_shown(character)}")


def _word_end(text: str, start: int) -> int:
    """Where the letters, digits and underscores end that begin at `start`; other signs for numbers, as ², are none."""
    match = _WORD.match(text, start)
    if match is None:
        return start
    word = match.group()
    if word.isascii():
        return match.end()
    strange = (place for place, sign in enumerate(word) if not (sign == "_" or sign.isalpha() or sign.isdecimal()))
    return start + next(strange, len(word))


def _shown(character: str) -> str:
    return f"U+{ord(character):04X}" + (f" '{character}'" if character.isprintable() else "")
