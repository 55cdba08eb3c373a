"""Writes a JSON schema as rules of the engine's grammars, with as many blanks and digits as anybody needs. Pure.

1. The engine's own rules for schemas have no such bounds: a model that loves blanks or digits writes nothing else.
2. What this file does not know is left to the engine in its place (`%json`), so every keyword holds as it does there.
   A schema that cannot be taken apart so raises NotWritten; the engine has words for what may be wrong with it.
3. An object that lists its properties has no others unless it says so, as in Ollama.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tampu.engine.number_ranges import DECIMAL, INTEGER, NUMBER, at_least, at_most
from tampu.engine.schema import Manner, guided, misshapen, resolved

_SIGN: Final = (
    r'([^"\\\x00-\x1F\x7F]|\\(["\\\/bfnrt]|u([0-9a-ce-fA-CE-F][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}'
    r"|[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})))"
)
"""A character of a text; one beyond 16 bits is written as a pair."""
TERMINALS: Final = (f'STRING: /"{_SIGN}*"/', f"NUMBER: /{NUMBER}/")
"""Used by all rules here; needed once in a grammar."""
_LAYOUT: Final = r"/( |\n{1,2}[ \t]{0,20})?/"
_ANNOTATIONS: Final = frozenset(
    "$anchor $defs definitions $schema $comment title description default readOnly writeOnly examples deprecated "
    "contentMediaType contentEncoding nullable discriminator".split()
)
_BOUNDS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_KNOWN: Final[Mapping[str, frozenset[str]]] = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength"}),
    "integer": frozenset(_BOUNDS),
    "number": frozenset(_BOUNDS),
    "boolean": frozenset(),
    "null": frozenset(),
}
_OF_KIND: Final[Mapping[str, frozenset[str]]] = {
    **_KNOWN,
    "object": _KNOWN["object"] | {"patternProperties", "minProperties", "maxProperties"},
    "array": _KNOWN["array"] | {"prefixItems", "additionalItems"},
    "string": _KNOWN["string"] | {"pattern", "format"},
    "integer": _KNOWN["integer"] | {"multipleOf"},
    "number": _KNOWN["number"] | {"multipleOf"},
}
"""All that the engine knows, by the kind of value that it is about; anything else it passes over."""
_ANYWHERE: Final = frozenset({"$ref", "$id", "id", "anyOf", "oneOf", "allOf", "enum", "const", "type"})
_MOST_LEFT: Final = 30
"""Parts that are left to the engine: each costs it a grammar of its own."""
_MOST_PARTS: Final = 500
"""And values of enumerations."""
_FARTHEST: Final = 10**18
"""Of the bounds of numbers."""


class NotWritten(Exception):
    """A schema is not to be written in rules."""


def schema_rules(schema: Mapping[str, Any], name: str, manner: Manner) -> list[str]:
    """The rules of which `name` is the first, all others begin with it; without `TERMINALS`. Raises NotWritten.

    `schema` has no problems.
    """
    if misshapen(schema):
        raise NotWritten
    return _Writer(schema, name, manner).rules()


def any_rules(name: str) -> list[str]:
    """The rules of any object; see `schema_rules`."""
    return [f"{name}: {name}_object", *_any_rules(name, f"{name}_layout", "STRING")]


def _any_rules(name: str, layout: str, text: str) -> list[str]:
    value = f"{name}_value {layout}"
    return [
        *([f"{layout}: {_LAYOUT}"] if layout else []),
        f'{name}_value: {name}_object | {name}_array | {text} | NUMBER | "true" | "false" | "null"',
        f'{name}_member: {text} {layout} ":" {layout} {value}',
        f'{name}_object: "{{" {layout} ({name}_member ("," {layout} {name}_member)*)? "}}"',
        f'{name}_array: "[" {layout} ({value} ("," {layout} {value})*)? "]"',
    ]


class _Writer:
    """Writes the parts of one schema."""

    def __init__(self, schema: Mapping[str, Any], name: str, manner: Manner) -> None:
        self._schema, self._name, self._manner = schema, name, manner
        self._layout = "" if manner.is_compact else f"{name}_layout"
        self._rules: list[str] = []
        self._references: dict[str, str] = {}
        self._terminals: dict[str, str] = {}
        self._parts = self._left = 0

    def rules(self) -> list[str]:
        """All of them, the first one of the whole schema."""
        body, text = self._part(self._schema), self._string({})
        terminals = [f"{name}: {body}" for body, name in self._terminals.items()]
        return [f"{self._name}: {body}", *self._rules, *terminals, *_any_rules(self._name, self._layout, text)]

    def _part(self, part: Any) -> str:
        """What a value of this part is written like."""
        self._count(1)
        if part is True:
            return f"{self._name}_value"
        if not isinstance(part, Mapping):
            raise NotWritten
        says = part.keys() - _ANNOTATIONS
        if says == {"$ref"}:
            return self._referred(part["$ref"])
        for name in ("anyOf", "oneOf", "allOf"):
            if says == {name} and (name != "allOf" or len(part[name]) == 1):
                return _choice([self._part(inner) for inner in part[name]])
        return self._literal(part, says) or self._of_kinds(part, says)

    def _count(self, parts: int) -> None:
        self._parts += parts
        if self._parts > _MOST_PARTS:
            raise NotWritten

    def _referred(self, reference: Any) -> str:
        if not isinstance(reference, str):
            raise NotWritten
        if reference not in self._references:
            self._references[reference] = name = f"{self._name}_{len(self._references)}"
            target = resolved(self._schema, reference)
            if isinstance(target, Mapping) and not target.keys().isdisjoint({"$ref", "anyOf", "oneOf", "allOf"}):
                _check_end(self._schema, target, {reference})
            self._rules.append(f"{name}: {self._part(target)}")
        return self._references[reference]

    def _literal(self, part: Mapping[str, Any], says: frozenset[str] | set[str]) -> str:
        """One of some values, word for word; empty where the part does not list them, or not them alone."""
        if not says or not says <= {"const", "enum", "type"} or len(says & {"const", "enum"}) != 1:
            return ""
        values = [part["const"]] if "const" in part else part["enum"]
        self._count(len(values))
        kinds = _kinds(part) if "type" in part else tuple(_IS_KIND)
        fitting = [value for value in values if any(_IS_KIND[kind](value) for kind in kinds)]
        if not fitting or any(isinstance(value, Mapping | list | float) for value in fitting):
            return ""
        return self._terminal(" | ".join(dict.fromkeys(_text(_json(value)) for value in fitting)))

    def _of_kinds(self, part: Mapping[str, Any], says: frozenset[str] | set[str]) -> str:
        if not says & _ANYWHERE and not any(says & known for known in _OF_KIND.values()):
            return f"{self._name}_value"
        if says & (_ANYWHERE - {"type"}):
            return self._left_to_the_engine(part)
        kinds = _kinds(part)
        if any((says & _OF_KIND[kind]) - _KNOWN[kind] for kind in kinds):
            return self._left_to_the_engine(part)
        return _choice([self._typed(kind, part) for kind in kinds])

    def _typed(self, kind: str, part: Mapping[str, Any]) -> str:
        match kind:
            case "object":
                return self._object(part)
            case "array":
                return self._array(part)
            case "string":
                return self._string(part)
            case "integer" | "number":
                return self._number(kind, part)
            case "boolean":
                return '("true" | "false")'
            case _:
                return '"null"'

    def _object(self, part: Mapping[str, Any]) -> str:
        properties: Mapping[str, Any] = part.get("properties", {})
        required: Sequence[str] = part.get("required", [])
        others = part.get("additionalProperties", not properties)
        if others is False and not properties.keys() >= set(required):
            raise NotWritten
        known = {**properties, **{name: others for name in required if name not in properties}}
        members = [(self._member(_text(_json(name)), inner), name in required) for name, inner in known.items()]
        if others is False:
            extra = ""
        else:
            taken = " | ".join(_text(_json(name)) for name in known)
            extra = self._member(self._terminal(f"STRING & ~({taken})") if known else "STRING", others)
        return self._rule(f'"{{" {self._layout} {self._sequence(members, extra)} "}}"')

    def _member(self, key: str, part: Any) -> str:
        return f'{key} {self._layout} ":" {self._layout} {self._part(part)} {self._layout}'

    def _sequence(self, members: Sequence[tuple[str, bool]], extra: str) -> str:
        """Members in their order, commas between; those that are not required may be left out."""
        comma = f'"," {self._layout}'
        behind = f"({comma} {extra})*" if extra else ""
        whole = f"({extra} {behind})?" if extra else ""
        for body, is_required in reversed(members):
            behind_it = behind
            if is_required:
                behind, whole = f"{comma} {body} {behind_it}", f"{body} {behind_it}"
            else:
                rest, member = self._rule(behind_it), self._rule(body)
                behind = f"({comma} {member})? {rest}"
                whole = f"({member} {rest} | {self._rule(whole)})"
        return whole

    def _array(self, part: Mapping[str, Any]) -> str:
        least, most = part.get("minItems", 0), part.get("maxItems")
        items = part.get("items", True)
        if items is False or (most is not None and most < least):
            raise NotWritten
        if most == 0:
            return f'"[" {self._layout} "]"'
        item = self._rule(f"{self._part(items)} {self._layout}")
        times = f"{{{max(least - 1, 0)},{'' if most is None else most - 1}}}" if least > 1 or most is not None else "*"
        inside = item if most == 1 else f'{item} ("," {self._layout} {item}){times}'
        return f'"[" {self._layout} {inside if least else f"({inside})?"} "]"'

    def _string(self, part: Mapping[str, Any]) -> str:
        least, most = part.get("minLength", 0), part.get("maxLength", self._manner.longest)
        if not least and most is None:
            return "STRING"
        if most is not None and most < least:
            raise NotWritten
        return self._terminal(f'/"{_SIGN}{{{least},{"" if most is None else most}}}"/')

    def _number(self, kind: str, part: Mapping[str, Any]) -> str:
        bounds = [_BOUND[name](part[name]) for name in _BOUNDS if name in part]
        if not bounds and kind == "number":
            return "NUMBER"
        _check_range(kind, part)
        return self._terminal(" & ".join(f"/{body}/" for body in (INTEGER if kind == "integer" else DECIMAL, *bounds)))

    def _left_to_the_engine(self, part: Mapping[str, Any]) -> str:
        self._left += 1
        if self._left > _MOST_LEFT or '"$ref"' in _json(part):
            raise NotWritten
        return self._rule(f"%json {_json(guided(part, self._manner))}")

    def _rule(self, body: str) -> str:
        """The name of a rule of its own."""
        if not body.strip():
            return ""
        name = f"{self._name}_r{len(self._rules)}"
        self._rules.append(f"{name}: {body}")
        return name

    def _terminal(self, body: str) -> str:
        """The name of what is written in one piece."""
        return self._terminals.setdefault(body, f"{self._name.upper()}_{len(self._terminals)}")


def _kinds(part: Mapping[str, Any]) -> Sequence[str]:
    """The kinds of values that a part allows; one that does not say is told by its keywords."""
    if "type" in part:
        kinds = part["type"]
        if not kinds:
            raise NotWritten
        return kinds if isinstance(kinds, list) else [kinds]
    found = [kind for kind, known in _OF_KIND.items() if kind != "integer" and known & part.keys()]
    if len(found) != 1:
        raise NotWritten
    return found


def _check_end(schema: Mapping[str, Any], part: Mapping[str, Any], followed: set[str]) -> None:
    """Raise NotWritten where a reference leads to itself with nothing between."""
    waiting: list[Any] = [part]
    while waiting:
        inner = waiting.pop()
        if not isinstance(inner, Mapping):
            continue
        waiting += [other for name in ("anyOf", "oneOf", "allOf") for other in inner.get(name, ())]
        reference = inner.get("$ref")
        if isinstance(reference, str):
            if reference in followed:
                raise NotWritten
            _check_end(schema, {"allOf": [resolved(schema, reference)]}, followed | {reference})


def _check_range(kind: str, part: Mapping[str, Any]) -> None:
    """Raise NotWritten where no number can be within the bounds, or only one that is too long."""
    least = max([part[name] for name in ("minimum", "exclusiveMinimum") if name in part], default=-_FARTHEST)
    most = min([part[name] for name in ("maximum", "exclusiveMaximum") if name in part], default=_FARTHEST)
    # Whether anything is between bounds that are so near to each other, the engine sees.
    is_narrow = most - least <= (1 if kind == "integer" else 0)
    if not -_FARTHEST <= least <= most <= _FARTHEST or (is_narrow and (least, most) != (int(least), int(most))):
        raise NotWritten
    if is_narrow and not {"exclusiveMinimum", "exclusiveMaximum"}.isdisjoint(part):
        raise NotWritten


def _choice(parts: Sequence[str]) -> str:
    if not parts:
        raise NotWritten
    return parts[0] if len(parts) == 1 else f"({' | '.join(parts)})"


def _text(text: str) -> str:
    """JSON as the grammar's language quotes it."""
    return _json(text)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_BOUND: Final[Mapping[str, Callable[[float], str]]] = {
    "minimum": at_least,
    "maximum": at_most,
    "exclusiveMinimum": lambda bound: at_least(bound, strictly=True),
    "exclusiveMaximum": lambda bound: at_most(bound, strictly=True),
}
_IS_KIND: Final[Mapping[str, Callable[[Any], bool]]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, Mapping),
}
