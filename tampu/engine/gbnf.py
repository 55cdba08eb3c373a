"""Writes the grammar of JSON in the older language of engines, for vocabularies with which the newer one errs. Pure.

The newer one takes the blank that such vocabularies put in front of words for nothing: names and words of an answer
would begin with one. The older one knows no patterns and no bounds of numbers; what of a schema cannot be written down
in it is refused rather than left out.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tampu.engine.schema import misshapen, resolved
from tampu.generation import AnyJson, InvalidFormat, JsonSchema, OutputFormat

_PRIMITIVES: Final = r"""
ws ::= ( " " | "\n"{1,2} [ \t]{0,20} )?
value ::= object | array | string | number | boolean | null
object ::= "{" ws ( member ( "," ws member )* )? "}" ws
member ::= string ":" ws value
array ::= "[" ws ( value ( "," ws value )* )? "]" ws
char ::= [^"\\\x7F\x00-\x1F] | "\\" ( ["\\/bfnrt] | "u" [0-9a-fA-F]{4} )
string ::= "\"" char* "\"" ws
number ::= "-"? natural ( "." [0-9]{1,16} )? ( [eE] [-+]? [0-9]{1,15} )? ws
integer ::= "-"? natural ws
natural ::= "0" | [1-9] [0-9]{0,15}
boolean ::= ( "true" | "false" ) ws
null ::= "null" ws
""".strip()
_TYPES: Final = frozenset({"value", "object", "array", "string", "number", "integer", "boolean", "null"})
_UNKNOWN_HERE: Final = ("pattern", "patternProperties", "multipleOf", "not", "if", "minProperties", "maxProperties")
_BOUNDS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_MOST_NUMBERS: Final = 1_000
_FORMATS: Final[Mapping[str, str]] = {
    "date": '[0-9]{4} "-" ( "0" [1-9] | "1" [0-2] ) "-" ( "0" [1-9] | [12] [0-9] | "3" [01] )',
    "time": '[0-2] [0-9] ":" [0-5] [0-9] ":" [0-5] [0-9] ( "." [0-9]{1,9} )? '
    '( "Z" | [-+] [0-2] [0-9] ":" [0-5] [0-9] )',
    "uuid": '[0-9a-f]{8} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{12}',
}


class NotWritable(Exception):
    """What a schema demands cannot be written down; the text says what, and where."""


def json_grammar(wanted: OutputFormat | None) -> str | None:
    """The grammar of an answer in this format, None for any answer; raises NotWritable."""
    match wanted:
        case AnyJson():
            return f"root ::= object\n{_PRIMITIVES}\n"
        case JsonSchema(schema=schema):
            if problems := misshapen(schema):
                raise NotWritable(problems[0])
            try:
                return _Writer(schema).grammar()
            except (TypeError, AttributeError) as error:
                # A reference may lead to what is no schema at all.
                raise NotWritable(f"a keyword has a value that it cannot have: {error}") from None
        case None | InvalidFormat():
            return None


class _Writer:
    """Writes one schema. Each `$ref` is a rule of its own, so schemas may hold themselves."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._rules: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def grammar(self) -> str:
        self._rules["root"] = self._alternatives(self._schema, "#")
        rules = "\n".join(f"{name} ::= {body}" for name, body in self._rules.items())
        return f"{rules}\n{_PRIMITIVES}\n"

    def _alternatives(self, part: Any, place: str) -> str:
        if part is True or part == {}:
            return "value"
        if not isinstance(part, Mapping):
            raise NotWritable(f"no answer satisfies the schema (at {place})")
        for name in _UNKNOWN_HERE:
            if name in part:
                raise NotWritable(f"this model cannot be held to `{name}` (at {place})")
        if isinstance(part.get("$ref"), str):
            return self._referred(part["$ref"], place)
        literals = [part["const"]] if "const" in part else part.get("enum")
        return _literals(literals, place) if isinstance(literals, list) else self._combined(part, place)

    def _combined(self, part: Mapping[str, Any], place: str) -> str:
        for name in ("anyOf", "oneOf"):
            if isinstance(part.get(name), list):
                rest = {key: value for key, value in part.items() if key not in {name, "$defs", "definitions"}}
                merged = [{**rest, **inner} if isinstance(inner, Mapping) else inner for inner in part[name]]
                inside = [self._alternatives(inner, f"{place}/{name}/{i}") for i, inner in enumerate(merged)]
                return _choice(inside, place)
        if isinstance(part.get("allOf"), list):
            return self._alternatives(_merged(part), place)
        kinds = part.get("type", "object" if "properties" in part else "array" if "items" in part else "value")
        return _choice(
            [self._typed(kind, part, place) for kind in (kinds if isinstance(kinds, list) else [kinds])], place
        )

    def _referred(self, reference: str, place: str) -> str:
        if reference not in self._names:
            self._names[reference] = name = f"part{len(self._names)}"
            self._rules[name] = self._alternatives(resolved(self._schema, reference), place)
        return self._names[reference]

    def _typed(self, kind: Any, part: Mapping[str, Any], place: str) -> str:
        if kind not in _TYPES:
            raise NotWritable(f"Unrecognized schema: {_json(dict(part))} (at {place})")
        match kind:
            case "object" if isinstance(part.get("properties"), Mapping) and part["properties"]:
                return self._object(part, place)
            case "object" if isinstance(part.get("additionalProperties"), Mapping):
                inner = self._alternatives(part["additionalProperties"], f"{place}/additionalProperties")
                member = f'string ":" ws ( {inner} )'
                return f'"{{" ws ( {member} ( "," ws {member} )* )? "}}" ws'
            case "array":
                return self._array(part, place)
            case "string":
                return _string(part)
            case "integer" | "number" if any(name in part for name in _BOUNDS):
                return _bounded(kind, part, place)
            case _:
                return str(kind)

    def _object(self, part: Mapping[str, Any], place: str) -> str:
        """The required members in the schema's order, then those of the optional ones that the model wants."""
        listed = part.get("required")
        required = listed if isinstance(listed, list) else []
        members = {name: self._member(name, inner, place) for name, inner in part["properties"].items()}
        needed = [members[name] for name in members if name in required]
        optional = [members[name] for name in members if name not in required]
        body = ' "," ws '.join(needed)
        if needed:
            body += "".join(f' ( "," ws {member} )?' for member in optional)
        elif optional:
            body = f"( {_choice([_from(optional, first) for first in range(len(optional))], place)} )?"
        return f'"{{" ws {body} "}}" ws'

    def _member(self, name: str, inner: Any, place: str) -> str:
        value = self._alternatives(inner, f"{place}/properties/{name}")
        return f'{_text(_json(name))} ":" ws ( {value} )'

    def _array(self, part: Mapping[str, Any], place: str) -> str:
        first = part.get("prefixItems", part.get("items"))
        if isinstance(first, list):
            places = ' "," ws '.join(f"( {self._alternatives(item, f'{place}/{i}')} )" for i, item in enumerate(first))
            return f'"[" ws {places} "]" ws'
        item = f"( {self._alternatives(part.get('items', True), f'{place}/items')} )"
        least, most = part.get("minItems", 0), part.get("maxItems")
        if most == 0:
            return '"[" ws "]" ws'
        more = f"{{{max(least - 1, 0)},{'' if most is None else most - 1}}}"
        body = f'{item} ( "," ws {item} ){more}'
        return f'"[" ws {body if least else f"( {body} )?"} "]" ws'


def _from(optional: Sequence[str], first: int) -> str:
    """The members from one on, all that follow left to the model."""
    return optional[first] + "".join(f' ( "," ws {member} )?' for member in optional[first + 1 :])


def _string(part: Mapping[str, Any]) -> str:
    form = _FORMATS.get(str(part.get("format")))
    if form:
        return f'"\\"" {form} "\\"" ws'
    least, most = part.get("minLength", 0), part.get("maxLength")
    return "string" if not least and most is None else f'"\\"" char{{{least},{"" if most is None else most}}} "\\"" ws'


def _bounded(kind: str, part: Mapping[str, Any], place: str) -> str:
    """Whole numbers one by one, where they are few; else only that a number is not negative can be written."""
    if kind == "integer":
        least = part.get("minimum", part.get("exclusiveMinimum", -(10**9)) + 1)
        most = part.get("maximum", part.get("exclusiveMaximum", 10**9) - 1)
        if 0 <= most - least < _MOST_NUMBERS:
            return _literals(range(int(least), int(most) + 1), place)
    if [name for name in _BOUNDS if name in part] == ["minimum"] and part["minimum"] == 0:
        return "natural ws" if kind == "integer" else 'natural ( "." [0-9]{1,16} )? ws'
    raise NotWritable(f"this model cannot be held to bounds of numbers like these (at {place})")


def _merged(part: Mapping[str, Any]) -> dict[str, Any]:
    """A schema and those of its `allOf` as one, their properties together."""
    merged: dict[str, Any] = {}
    for inner in ({key: value for key, value in part.items() if key != "allOf"}, *part["allOf"]):
        if isinstance(inner, Mapping):
            properties = {**merged.get("properties", {}), **inner.get("properties", {})}
            required = [*merged.get("required", []), *inner.get("required", [])]
            merged |= {**inner, **({"properties": properties} if properties else {}), "required": required}
    return merged


def _literals(values: Sequence[Any], place: str) -> str:
    return _choice([f"{_text(_json(value))} ws" for value in values], place)


def _choice(parts: Sequence[str], place: str) -> str:
    if not parts:
        raise NotWritable(f"no answer satisfies the schema (at {place})")
    return parts[0] if len(parts) == 1 else "( " + " | ".join(parts) + " )"


def _text(text: str) -> str:
    """JSON, which holds no control characters, as the grammar's language quotes it."""
    return _json(text)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
