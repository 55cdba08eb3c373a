"""JSON schemas as the engine takes them: refuses those it cannot follow, eases those it follows only in part. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
_ONE: Final = ("items", "additionalProperties")
_LISTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems", "items")
_TABLES: Final = ("properties", "patternProperties")
_GUIDANCE: Final[Mapping[str, object]] = {
    # Without these, one keyword that the engine does not know leaves the whole answer unconstrained.
    "lenient": True,
    "coerce_one_of": True,
}
# A model that prefers blanks to an answer would otherwise write them until it is cut off.
_FREE_LAYOUT: Final[Mapping[str, object]] = {"whitespace_pattern": "( |\\n{1,2}[ \\t]{0,20})?"}
COMPACT: Final[Mapping[str, object]] = {"whitespace_flexible": False}
"""No blanks, so that a model cannot write them without end; in some vocabularies a demanded one has no token."""


def problems_of(schema: Mapping[str, Any]) -> list[str]:
    """Why no engine can follow `schema`, in the engine's words; empty where nothing is known against it."""
    found: list[str] = []
    followed: set[str] = set()
    waiting: list[Any] = [schema]
    while waiting:
        part = waiting.pop()
        if not isinstance(part, Mapping):
            continue
        reference = part.get("$ref")
        if isinstance(reference, str):
            if reference not in followed:
                followed.add(reference)
                target, problem = _resolve(schema, reference)
                found += [problem] if problem else []
                waiting.append(target)
        elif not _has_known_types(part):
            found.append(f"Unrecognized schema: {_json(part)}")
        waiting += _parts(part)
    return found


def guided(schema: Mapping[str, Any], mark: str, *, layout: Mapping[str, object] = _FREE_LAYOUT) -> dict[str, Any]:
    """`schema` with the bundled engine's directions; `mark` shows up in its log if it cannot compile the schema."""
    bare = {key: value for key, value in schema.items() if key not in {"$comment", "x-guidance"}}
    return {"$comment": mark, **bare, "x-guidance": {**_GUIDANCE, **layout}}


def placed(problem: str, schema: Mapping[str, Any] | None) -> str:
    """`problem` with the place in `schema` of the pattern that it repeats, if it does."""
    waiting: list[tuple[str, Any]] = [("#", schema)]
    while waiting:
        place, part = waiting.pop()
        if isinstance(part, Mapping):
            pattern = part.get("pattern")
            if isinstance(pattern, str) and " ".join(pattern.split()) in problem and pattern:
                return f"{problem} (at {place})"
            waiting += [(f"{place}/{name}", item) for name, item in part.items()]
        elif isinstance(part, list):
            waiting += [(f"{place}/{index}", item) for index, item in enumerate(part)]
    return problem


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


def _parts(part: Mapping[str, Any]) -> Iterator[Any]:
    for name in _ONE:
        yield part.get(name)
    for name in _LISTS:
        if isinstance(part.get(name), list):
            yield from part[name]
    for name in _TABLES:
        if isinstance(part.get(name), Mapping):
            yield from part[name].values()


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
