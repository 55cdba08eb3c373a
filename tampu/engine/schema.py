"""JSON schemas as the engine takes them: refuses those it cannot follow, eases those it follows only in part. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
_ONE: Final = ("items", "additionalProperties")
_LISTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems", "items")
_TABLES: Final = ("properties", "patternProperties")
_DEFINITIONS: Final = ("$defs", "definitions")
_RANGES: Final = (
    ("minimum", "maximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)
_CHOICES: Final = ("enum", "anyOf", "oneOf")
_GUIDANCE: Final[Mapping[str, object]] = {
    # Without these, one keyword that the engine does not know leaves the whole answer unconstrained.
    "lenient": True,
    "coerce_one_of": True,
}
_IN_OUR_WORDS: Final[Mapping[str, str]] = {"NoExtensionBias": "no answer satisfies the schema"}
_NO_BLANKS: Final[Mapping[str, object]] = {"whitespace_flexible": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a schema is written for the bundled engine. `mark` shows up in its log if it cannot compile the schema.

    `is_compact`: no blanks, so that a model cannot write them without end; in some vocabularies a demanded one has no
    token. `longest`: the most characters of a text of which the schema does not say how long it may be.
    """

    mark: str
    is_compact: bool = False
    longest: int | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """A step from the place of an outer schema to that of an inner one."""

    outer: "_Place | None"
    step: str

    def __str__(self) -> str:
        steps, place = [], self
        while place.outer is not None:
            steps.append(place.step)
            place = place.outer
        return "/".join(["#", *reversed(steps)])


_ROOT: Final = _Place(None, "")


def problems_of(schema: Mapping[str, Any]) -> list[str]:
    """Why no engine can follow `schema`, in the engine's words, and where; empty where nothing is known against it."""
    found: list[str] = []
    followed: set[str] = set()
    waiting: list[tuple[_Place, Any]] = [(_ROOT, schema)]
    while waiting:
        place, part = waiting.pop()
        if not isinstance(part, Mapping):
            continue
        reference = part.get("$ref")
        if isinstance(reference, str):
            if reference not in followed:
                followed.add(reference)
                target, problem = _resolve(schema, reference)
                found += [_told(problem, place)] if problem else []
                waiting.append((place, target))
        elif not _has_known_types(part):
            found.append(_told(f"Unrecognized schema: {_json(part)}", place))
        waiting += _parts(place, part)
    return found


def misshapen(schema: Mapping[str, Any]) -> list[str]:
    """The keywords of `schema` whose values are of a wrong type, each with its place."""
    found: list[str] = []
    waiting: list[tuple[_Place, Any]] = [(_ROOT, schema)]
    while waiting:
        place, part = waiting.pop()
        if isinstance(part, Mapping):
            wrong = [name for name, is_sound in _SHAPES.items() if name in part and not is_sound(part[name])]
            found += [f"`{name}` has a value that it cannot have (at {place})" for name in wrong]
            waiting += _parts(place, part, (*_TABLES, *_DEFINITIONS))
    return found


def guided(schema: Mapping[str, Any], manner: Manner) -> dict[str, Any]:
    """`schema` with the bundled engine's directions; of texts the engine knows no other bounds than the schema's."""
    bare = {key: value for key, value in schema.items() if key not in {"$comment", "x-guidance"}}
    layout = _NO_BLANKS if manner.is_compact else {}
    return {"$comment": manner.mark, **bare, "x-guidance": {**_GUIDANCE, **layout}}


def placed(problem: str, schema: Mapping[str, Any] | None) -> str:
    """The engine's `problem` with the first place in `schema` that it may mean, if there is one."""
    problem = _IN_OUR_WORDS.get(problem, problem)
    waiting: list[tuple[_Place, Any]] = [(_ROOT, schema)]
    while waiting:
        place, part = waiting.pop()
        if isinstance(part, Mapping):
            if _is_meant(problem, part):
                return f"{problem} (at {place})"
            waiting += _parts(place, part, (*_TABLES, *_DEFINITIONS))
    return problem


def _is_meant(problem: str, part: Mapping[str, Any]) -> bool:
    """Whether one schema, without those inside it, shows what `problem` tells of."""
    patterns = [part.get("pattern"), *_table(part, "patternProperties")]
    if any(
        isinstance(pattern, str) and pattern.strip() and " ".join(pattern.split()) in problem for pattern in patterns
    ):
        return True
    if "nsatisfiable" in problem:
        return _contradicts_itself(part)
    if "multiple of" in problem:
        return not _SHAPES["multipleOf"](part.get("multipleOf", 1))
    if "object or boolean" in problem:
        return any(not isinstance(inner, Mapping | bool) for _, inner in _parts(_ROOT, part))
    return any(name in part and name in problem and not is_sound(part[name]) for name, is_sound in _SHAPES.items())


def _contradicts_itself(part: Mapping[str, Any]) -> bool:
    """Whether nothing can satisfy `part`, as far as is seen at a glance."""
    if any(part.get(name) == [] for name in _CHOICES) or part.get("items") is False:
        return True
    known, is_closed = _table(part, "properties"), part.get("additionalProperties") is False
    required = part.get("required")
    for name in required if isinstance(required, list) else ():
        if isinstance(name, str) and known.get(name, not is_closed) is False:
            return True
    return any(_is_crossed(part.get(least), part.get(most)) for least, most in _RANGES)


def _is_crossed(least: Any, most: Any) -> bool:
    return _is_number(least) and _is_number(most) and bool(least > most)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_SHAPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(_TABLES, lambda value: isinstance(value, Mapping)),
    **dict.fromkeys((*_LISTS[:-1], "enum", "required"), lambda value: isinstance(value, list)),
    **dict.fromkeys([name for bounds in _RANGES[1:] for name in bounds], _is_count),
    **dict.fromkeys(_RANGES[0], _is_number),
    "multipleOf": lambda value: _is_number(value) and value > 0,
}
"""What keywords must be; the engine names the keyword, and not where it stands."""


def _told(problem: str, place: _Place) -> str:
    return problem if place is _ROOT else f"{problem} (at {place})"


def resolved(schema: Mapping[str, Any], reference: str) -> Any:
    """What `reference` points at in a schema without problems."""
    return _resolve(schema, reference)[0]


def _resolve(schema: Mapping[str, Any], reference: str) -> tuple[Any, str]:
    """What `reference` points at, and a problem where it points nowhere."""
    if not reference.startswith("#"):
        return None, f"Unsupported ref: {reference}"
    target: Any = schema
    for step in reference.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(target, Mapping) and name in target:
            target = target[name]
        elif isinstance(target, list) and name.isdigit() and int(name) < len(target):
            target = target[int(name)]
        else:
            return None, f"Error resolving ref {reference}: {step} not in {_json(target)}"
    return target, ""


def _has_known_types(part: Mapping[str, Any]) -> bool:
    kinds = part.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return all(isinstance(kind, str) and kind in _TYPES for kind in kinds)


def _parts(place: _Place, part: Mapping[str, Any], tables: Sequence[str] = _TABLES) -> Iterator[tuple[_Place, Any]]:
    """The schemas right inside `part`, and where they stand."""
    for name in _ONE:
        if name in part and not isinstance(part[name], list):
            yield _Place(place, name), part[name]
    for name in _LISTS:
        if isinstance(part.get(name), list):
            for index, inner in enumerate(part[name]):
                yield _Place(_Place(place, name), str(index)), inner
    for name in tables:
        for key, inner in _table(part, name).items():
            yield _Place(_Place(place, name), key), inner


def _table(part: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = part.get(name)
    return found if isinstance(found, Mapping) else {}


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
