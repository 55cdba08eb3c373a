"""Which value of a request's JSON does not fit, and where it stands, in the words that clients of Ollama know.

Only bodies that were refused come here. The rules are those of Go's own reader:
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
    words: str = ""
    """All that is told, where a value that reads itself has words of its own."""

    def __str__(self) -> str:
        if self.words:
            return self.words
        is_inside = self.struct or self.path
        place = f"Go struct field {self.struct}.{'.'.join(self.path)} of type" if is_inside else "Go value of type"
        return f"json: cannot unmarshal {self.value} into {place} {self.kind}"


_reader = json.JSONDecoder(object_pairs_hook=_Object, parse_int=_Number, parse_float=_Number)
_NAMES: Final[dict[Any, str]] = {str: "string", bool: "bool", int: "int", float: "float64", Any: "interface {}"}
_INT64: Final = 2**63
_DIGITS = re.compile(r"-?[0-9]{1,19}")
READS_ITSELF: Final = msgspec.Meta(extra={"reads_itself": True})
"""Marks a map, or texts that may be written as one text, as values of which rule 2 speaks."""
_NAMELESS: Final = "struct {"
"""How the type of a struct begins that has no name of its own."""
_NO_MAP: Final = "Value looks like object, but can't find closing '}' symbol"


def unfit(value: object, kind: str, field: str = "") -> str:
    """What is told of a `value` (plain JSON data) that does not fit `kind`; `field`: its struct and path."""
    words = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    place = f"Go struct field {field}" if field else "Go value"
    return f"json: cannot unmarshal {words[type(value)]} into {place} of type {kind}"


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
    if value is None:
        return
    if READS_ITSELF in get_args(kind):
        yield from _alone(_of_marked(value, _longest_form(kind)), struct, path)
        return
    plain = _without_none(kind)
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
        alias = getattr(kind, "alias_name", "api.Alias")
        own = _members(value, kind, "", ()) if isinstance(value, _Object) else [_no_object(value, alias)]
        yield from _alone(own, struct, path)
    elif isinstance(value, _Object):
        name = _name(kind)
        yield from _members(value, kind, "" if name.startswith(_NAMELESS) else name.rpartition(".")[2], path)
    else:
        yield _no_object(value, _name(kind), struct, path)


def _alone(own: Iterable[_Misfit], struct: str, path: tuple[str, ...]) -> Iterator[_Misfit]:
    """What is told of a value that reads itself, `own` being what it finds."""
    told = _told(own)
    if told is not None:
        yield _Misfit(told.value, told.kind, struct, (*path, *told.path), ends=True, words=told.words)


def _of_marked(value: Any, kind: Any) -> Iterator[_Misfit]:
    if get_origin(kind) is dict and not isinstance(value, _Object):
        yield _Misfit("", "", words=_NO_MAP)
    elif get_origin(kind) is dict or isinstance(value, _Number) or not isinstance(value, str):
        yield from _misfits(value, kind)


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
        if set(kinds) == {int, float}:
            return float
        return _without_none(kinds[0]) if len(kinds) == 1 else Any
    return kind


def _longest_form(kind: Any) -> Any:
    """Of an annotated kind the branch that it is read as in the end: the map, or the list of texts."""
    branches = [each for each in get_args(get_args(kind)[0]) if each is not types.NoneType]
    return branches[-1] if get_origin(get_args(kind)[0]) in {Union, types.UnionType} else get_args(kind)[0]


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
            return name if "." in name or name.startswith(_NAMELESS) else f"api.{name}"
