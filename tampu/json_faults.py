"""What is wrong with a request's JSON, in the words that clients of Ollama know: those of Go's own reader.

Only bodies that were refused come here. `syntax_fault` finds where a text stops being JSON; `type_fault` finds the
value that does not fit, and where it stands, by the rules of that reader:
1. Fields are looked at in the order in which they were written, the repeated ones too; of several faults the first
   is told.
2. A value that reads itself (`reads_itself`) ends the reading at once: its fault is told instead of earlier ones.
3. A fault is told with the innermost struct that did not read itself, and with the whole path of fields.
"""

import json
import math
import re
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec

_BLANKS = re.compile(rb"[ \t\r\n]*+")
_TEXT = re.compile(rb'(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*+')
_HEX = re.compile(rb"\\u[0-9A-Fa-f]{0,3}")
_NUMBER: Final = (
    (re.compile(rb"-?(?:0|[1-9][0-9]*+)"), re.compile(rb"-?"), "in numeric literal"),
    (re.compile(rb"\.[0-9]++"), re.compile(rb"\."), "after decimal point in numeric literal"),
    (re.compile(rb"[eE][+-]?[0-9]++"), re.compile(rb"[eE][+-]?"), "in exponent of numeric literal"),
)
_LITERALS: Final = (b"true", b"false", b"null")
_DEEPEST: Final = 10_000
_ESCAPES: Final = {
    7: r"\a",
    8: r"\b",
    9: r"\t",
    10: r"\n",
    11: r"\v",
    12: r"\f",
    13: r"\r",
    34: '"',
    39: r"\'",
    92: r"\\",
}

UNEXPECTED_END: Final = "unexpected EOF"


class _Found(Exception):  # not an error of ours: it carries the answer out of the scanner
    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def syntax_fault(raw: bytes) -> str:
    """What keeps `raw` from beginning with a JSON value; empty where nothing does."""
    try:
        _Scanner(raw).value()
    except _Found as found:
        return found.words
    return ""


class _Scanner:
    """Goes through one JSON value byte by byte, as the reader does: a letter beyond ASCII is named by its first."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self._at = raw, 0
        self._open: list[bytes] = []
        self._has_just_opened = False

    def value(self) -> None:
        """Go to the end of the first value; raises _Found."""
        self._begin()
        while self._open:
            self._go_on()

    def _begin(self) -> None:
        """Pass a value that is no container, or enter one."""
        byte = self._next()
        self._has_just_opened = byte in {b"{", b"["}
        match byte:
            case b"{" | b"[":
                self._at += 1
                self._open.append(byte)
                if len(self._open) > _DEEPEST:
                    raise _Found("exceeded max depth")
            case b'"':
                self._at += 1
                self._string()
            case b"t" | b"f" | b"n":
                self._literal(next(word for word in _LITERALS if word.startswith(byte)))
            case _ if byte in b"-0123456789":
                self._number()
            case _:
                self._fail("looking for beginning of value")

    def _go_on(self) -> None:
        """Inside a container: to the end of its next value, or out of it."""
        is_object = self._open[-1] == b"{"
        byte = self._next()
        if byte == (b"}" if is_object else b"]"):
            self._at += 1
            self._open.pop()
            self._has_just_opened = False
            return
        if not self._has_just_opened:
            if byte != b",":
                self._fail("after object key:value pair" if is_object else "after array element")
            self._at += 1
        if is_object:
            self._key()
        self._begin()

    def _key(self) -> None:
        if self._next() != b'"':
            self._fail("looking for beginning of object key string")
        self._at += 1
        self._string()
        if self._next() != b":":
            self._fail("after object key")
        self._at += 1

    def _string(self) -> None:
        self._pass(_TEXT)
        byte = self._byte()
        if byte == b'"':
            self._at += 1
        elif byte == b"\\":
            escape = _HEX.match(self._raw, self._at)
            self._at = escape.end() if escape else self._at + 1
            self._fail("in \\u hexadecimal character escape" if escape else "in string escape code")
        else:
            self._fail("in string literal")

    def _literal(self, word: bytes) -> None:
        for letter in word:
            if self._byte() != bytes((letter,)):
                self._fail(f"in literal {word.decode()} (expecting '{chr(letter)}')")
            self._at += 1

    def _number(self) -> None:
        for whole, start, place in _NUMBER:
            if not self._pass(whole) and (self._pass(start) or whole is _NUMBER[0][0]):
                self._fail(place)

    def _next(self) -> bytes:
        self._pass(_BLANKS)
        return self._byte()

    def _byte(self) -> bytes:
        """The byte here; raises _Found at the end."""
        if self._at >= len(self._raw):
            raise _Found(UNEXPECTED_END)
        return self._raw[self._at : self._at + 1]

    def _pass(self, pattern: re.Pattern[bytes]) -> bool:
        found = pattern.match(self._raw, self._at)
        if found is None or found.end() == self._at:
            return False
        self._at = found.end()
        return True

    def _fail(self, place: str) -> None:
        raise _Found(f"invalid character '{_shown(self._byte()[0])}' {place}")


def _shown(byte: int) -> str:
    if byte in _ESCAPES:
        return _ESCAPES[byte]
    if chr(byte).isprintable():
        return chr(byte)
    return f"\\x{byte:02x}" if byte < 0x80 else f"\\u{byte:04x}"


# --- values that do not fit --------------------------------------------------------------------------------------


class _Object(list[tuple[str, Any]]):
    """The members of an object as they were written."""


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class _Misfit:
    value: str
    kind: str
    struct: str = ""
    path: tuple[str, ...] = ()
    ends: bool = False
    """Whether nothing behind it was looked at."""

    def __str__(self) -> str:
        place = f"Go struct field {self.struct}.{'.'.join(self.path)} of type" if self.struct else "Go value of type"
        return f"json: cannot unmarshal {self.value} into {place} {self.kind}"


_reader = json.JSONDecoder(object_pairs_hook=_Object, parse_int=_Number, parse_float=_Number)
_NAMES: Final[dict[Any, str]] = {str: "string", bool: "bool", int: "int", float: "float64", Any: "interface {}"}
_INT64: Final = 2**63
_DIGITS = re.compile(r"-?[0-9]{1,19}")


def type_fault(raw: bytes, kind: Any) -> str:
    """Which value of the JSON in `raw` does not fit `kind`; empty where all do, or `kind` has no name in Go."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and not hasattr(kind, "go_name"):
        return ""
    try:
        value, _ = _reader.raw_decode(raw.decode("utf-8", "replace").lstrip(" \t\r\n"))
        return str(_told(_misfits(value, kind)) or "")
    except RecursionError:
        return ""


def _told(misfits: Iterable[_Misfit]) -> _Misfit | None:
    first = None
    for misfit in misfits:
        first = first or misfit
        if misfit.ends:
            return misfit
    return first


def _misfits(value: Any, kind: Any, struct: str = "", path: tuple[str, ...] = ()) -> Iterator[_Misfit]:
    plain = _without_none(kind)
    if value is None:
        return
    if plain is Any:
        yield from (_Misfit(f"number {number}", "float64", struct, path) for number in _too_large(value))
        return
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        yield from _in_struct(value, plain, struct, path)
        return
    container, items = get_origin(plain), get_args(plain)
    match value:
        case _Object() if container is dict:
            for _, item in value:
                yield from _misfits(item, items[1], struct, path)
        case list() if container in {list, tuple} and not isinstance(value, _Object):
            for item in value:
                yield from _misfits(item, items[0], struct, path)
        case _ if not _fits(value, plain):
            yield _Misfit(_word(value, plain), _name(kind), struct, path)


def _too_large(value: Any) -> Iterator[str]:
    """The numbers in `value` that no float holds."""
    match value:
        case _Number():
            if math.isinf(float(value)):
                yield value
        case _Object():
            for _, item in value:
                yield from _too_large(item)
        case list():
            for item in value:
                yield from _too_large(item)


def _in_struct(value: Any, kind: type[msgspec.Struct], struct: str, path: tuple[str, ...]) -> Iterator[_Misfit]:
    if getattr(kind, "reads_itself", False):
        own = _told(_members(value, kind, "", ()) if isinstance(value, _Object) else [_no_object(value, "api.Alias")])
        if own is not None:
            yield _Misfit(own.value, own.kind, struct, (*path, *own.path), ends=True)
    elif isinstance(value, _Object):
        yield from _members(value, kind, _name(kind).rpartition(".")[2], path)
    else:
        yield _no_object(value, _name(kind), struct, path)


def _no_object(value: Any, kind: str, struct: str = "", path: tuple[str, ...] = ()) -> _Misfit:
    return _Misfit(_word(value, None), kind, struct, path)


def _members(value: _Object, kind: type[msgspec.Struct], struct: str, path: tuple[str, ...]) -> Iterator[_Misfit]:
    hints = get_type_hints(kind, include_extras=True)
    own = msgspec.structs.fields(kind)
    fields = {item.encode_name.casefold(): (item.encode_name, hints[item.name]) for item in own}
    for key, item in value:
        if key.casefold() in fields:
            name, wanted = fields[key.casefold()]
            yield from _misfits(item, wanted, struct, (*path, name))


def _fits(value: Any, kind: Any) -> bool:
    match value:
        case _Number():
            if kind is float:
                return math.isfinite(float(value))
            return kind is int and _DIGITS.fullmatch(value) is not None and -_INT64 <= int(value) < _INT64
        case bool():
            return kind is bool
        case str():
            return kind is str
        case _:
            return False


def _word(value: Any, kind: Any) -> str:
    match value:
        case _Object():
            return "object"
        case list():
            return "array"
        case _Number():
            return f"number {value}" if kind in {int, float} else "number"
        case bool():
            return "bool"
        case _:
            return "string"


def _without_none(kind: Any) -> Any:
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in {Union, types.UnionType}:
        kinds = [each for each in get_args(kind) if each is not types.NoneType]
        return _without_none(kinds[0]) if len(kinds) == 1 else Any
    return kind


def _name(kind: Any) -> str:
    """The type as Go writes it."""
    titles = [each.title for each in get_args(kind)[1:] if isinstance(each, msgspec.Meta) and each.title]
    plain = _without_none(kind)
    if titles:
        return titles[0]
    if plain in _NAMES:
        return _NAMES[plain]
    match get_origin(plain), get_args(plain):
        case (origin, (item, *_)) if origin in {list, tuple}:
            return f"[]{_name(item)}"
        case (origin, (_, item)) if origin is dict:
            return f"map[string]{_name(item)}"
        case _:
            name = str(getattr(plain, "go_name", plain.__name__))
            return name if "." in name else f"api.{name}"
