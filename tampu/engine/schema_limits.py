"""How large a schema may be: beyond these bounds the engine computes for seconds, or gives the schema up. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

NESTING_LIMIT: Final = 100
PARTS_LIMIT: Final = 5_000
LITERAL_LIMIT: Final = 2_000
REPETITION_LIMIT: Final = 5_000
DIVISOR_LIMIT: Final = 100_000
ITEMS_LIMIT: Final = 20_000
"""Of all arrays together that a schema counts: the engine writes each item out before it begins."""
_ANNOTATIONS: Final = frozenset({"description", "title", "default", "examples", "$comment", "x-guidance"})
_LITERALS: Final = frozenset({"const", "enum"})
_NAMED: Final = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})
_REGEX_PART: Final = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\{([0-9]+)(?:,([0-9]*))?\}|.", re.DOTALL)
_MANY_DIGITS: Final = 7
_LEAST_INTEGER: Final = -(2**63)
_ROUNDING: Final = 512


def excesses_of(schema: Mapping[str, Any]) -> list[str]:
    """What of `schema` is beyond the bounds, each with its place; it ends at what is nested too deeply."""
    found: list[str] = []
    waiting: list[tuple[str, Any, int]] = [("#", schema, 1)]
    count = items = 0
    while waiting:
        place, part, depth = waiting.pop()
        count += 1
        if count + len(waiting) > PARTS_LIMIT:
            return [f"JSON schema error at {place[:200]}: the schema has more than {PARTS_LIMIT} parts"]
        if depth > NESTING_LIMIT:
            return [f"JSON schema error at {place[:200]}: nested more than {NESTING_LIMIT} levels deep"]
        if isinstance(part, Mapping):
            items += _items(part)
            if items > ITEMS_LIMIT:
                return [f"JSON schema error at {place[:200]}: more than {ITEMS_LIMIT} items of arrays are counted"]
            found += _excesses_at(place, part)
            waiting += _inner(place, part, depth)
        elif isinstance(part, list):
            waiting += [(f"{place}/{index}", item, depth + 1) for index, item in enumerate(part)]
    return found


def expanded_length(pattern: str) -> int:
    """How many characters a regular expression describes once its counted repetitions are written out."""
    sums, last = [0], 0
    for part in _REGEX_PART.finditer(pattern):
        text = part[0]
        if part[1] is not None:
            times = max(_count(part[1]), _count(part[2]), 1)
            sums[-1] += last * (times - 1)
            last *= times
        elif text == "(":
            sums.append(0)
        elif text == ")" and len(sums) > 1:
            last = sums.pop()
            sums[-1] += last
        else:
            last = 1
            sums[-1] += 1
    return sum(sums)


def _count(digits: str | None) -> int:
    """A number of repetitions; one that is absurd need not be exact."""
    digits = digits or "0"
    return int(digits) if len(digits) <= _MANY_DIGITS else 10**_MANY_DIGITS


def _inner(place: str, part: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any, int]]:
    """The schemas inside `part`. Annotations constrain nothing; literals are no schemas."""
    for key, value in part.items():
        if key in _NAMED and isinstance(value, Mapping):
            yield from ((f"{place}/{key}/{name}", item, depth + 2) for name, item in value.items())
        elif key not in _ANNOTATIONS and key not in _LITERALS:
            yield f"{place}/{key}", value, depth + 1


def _excesses_at(place: str, part: Mapping[str, Any]) -> Iterator[str]:
    """What is too large in the keywords of one schema."""
    if any(isinstance(literal, str) and len(literal) > LITERAL_LIMIT for literal in _literals(part)):
        yield f"JSON schema error at {place[:200]}: a literal is longer than {LITERAL_LIMIT} characters"
    if any(_is_fatal(literal) for literal in _literals(part)):
        yield f"JSON schema error at {place[:200]}: a number is too close to -2**63 to be written"
    if any(expanded_length(pattern) > REPETITION_LIMIT for pattern in _patterns(part)):
        yield f"JSON schema error at {place[:200]}: a pattern repeats more than {REPETITION_LIMIT} times"
    if _divisor(part.get("multipleOf")) > DIVISOR_LIMIT:
        yield f"JSON schema error at {place[:200]}: multipleOf has more than {DIVISOR_LIMIT} steps"


def _items(part: Mapping[str, Any]) -> int:
    """How many items of an array are counted; a number that is absurd need not be exact."""
    bounds = (part.get(name) for name in ("minItems", "maxItems"))
    return max(0, *(int(min(bound, ITEMS_LIMIT + 1)) for bound in bounds if isinstance(bound, int | float)), 0)


def _literals(part: Mapping[str, Any]) -> Iterator[object]:
    """Texts and numbers that an answer must repeat word for word."""
    properties = part.get("properties")
    waiting = [part.get("const"), part.get("enum"), list(properties) if isinstance(properties, Mapping) else None]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, Mapping):
            waiting += [*item, *item.values()]
        else:
            yield item


def _is_fatal(literal: object) -> bool:
    """Whether the engine would die of a number: of the one whose opposite its integers do not have, however rounded."""
    return isinstance(literal, int | float) and _LEAST_INTEGER <= literal <= _LEAST_INTEGER + _ROUNDING


def _patterns(part: Mapping[str, Any]) -> Iterator[str]:
    table = part.get("patternProperties")
    for pattern in (part.get("pattern"), *(table if isinstance(table, Mapping) else ())):
        if isinstance(pattern, str):
            yield pattern


def _divisor(value: object) -> float:
    """The remainders that an engine must tell apart to know a multiple of `value`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return 0.0
    fraction = f"{value:.15f}".rstrip("0").partition(".")[2] if value < DIVISOR_LIMIT else ""
    return value * 10.0 ** len(fraction)
