"""Writes the grammar of a shaped answer in the language of the bundled engine's constraints (a dialect of Lark). Pure.

1. Thoughts, if any, come first: `thoughts answer`; what is inside their tags is free.
2. An answer is calls of tools, or what the schema allows, or (where neither is demanded) free text.
3. A tag is written as its text, and by number where it is one token: a special token is no text to a grammar.
4. Blanks may come before calls: behind a text that is forced at the very start, the engine takes no line break.
5. Words may end with the end of text too: the engine lets a grammar end by the vocabulary's end of a turn alone, which
   a model that was not taught it never writes, and would have to go on for ever.
6. What can be is written here in full, with as many blanks and digits as anybody needs (`schema_rules.py`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from tampu.engine.schema import Manner, guided, problems_of
from tampu.engine.schema_limits import excesses_of
from tampu.engine.schema_rules import TERMINALS, NotWritten, any_rules, schema_rules
from tampu.engine.shape import CallForm, Thoughts
from tampu.generation import AnyJson, InvalidFormat, JsonSchema, OutputFormat
from tampu.messages import Tool

_BLANKS: Final = r"blanks: /[ \t\r\n]{0,4}/"
"""So many are one token in many vocabularies; without a bound a model that loves them would write nothing else."""
_ANYTHING: Final = "/(?s:.*)/"
_ANY_OBJECT: Final[Mapping[str, Any]] = {"type": "object"}
_MOST_SCHEMA: Final = 64 * 1024
"""Characters of the schema of all calls; the engine stands still while it compiles one."""
_COMPOSED: Final = frozenset({"anyOf", "oneOf", "allOf", "$ref", "patternProperties"})
_BARE: Final = frozenset({"{", "["})

TokenIds = Mapping[str, Sequence[int]]
"""The tokens of a tag's text, by its text."""


def grammar_of(
    wanted: OutputFormat | None,
    *,
    thoughts: Thoughts | None,
    calls: CallForm | None,
    ids: TokenIds,
    mark: str,
    end: Sequence[int] = (),
    longest: int | None = None,
) -> str:
    """The grammar of an answer; `mark` shows up in the engine's log if it cannot compile it. `end`: the end of text.

    `longest`: the most characters of a text in a call, where its schema does not say.
    """
    rules = ["%llguidance {}", f"// {mark}", _BLANKS, *TERMINALS]
    rules += _thoughts(thoughts, ids) if thoughts else ["start: answer"]
    choices = []
    if calls is not None:
        choices.append("calls")
        rules += _calls(calls, ids, Manner(mark=mark, is_compact=True, longest=longest))
    json = _json_rules(wanted, Manner(mark=mark))
    if json and not (calls and calls.is_required):
        choices.append("json")
        rules += json
    elif calls is not None and not calls.is_required:
        choices.append("free")
        rules += _free(calls, ids)
    rules.append("answer: " + " | ".join(choices))
    if "free" in choices and len(end) == 1:
        rules[-1:] = [f"answer: ({' | '.join(choices)}) ending?", f"ending: <[{end[0]}]>"]
    return "\n".join([*rules, ""])


def _json_rules(wanted: OutputFormat | None, manner: Manner) -> Sequence[str]:
    match wanted:
        case AnyJson():
            return any_rules("json")
        case JsonSchema(schema=schema):
            return _schema_rules(schema, "json", manner)
        case None | InvalidFormat():
            return []


def tags_of(thoughts: Thoughts | None, calls: CallForm | None) -> list[str]:
    """The tags whose tokens `grammar_of` wants to know."""
    tags = [thoughts.opening, thoughts.closing] if thoughts else []
    return [*tags, *calls.tag.split()] if calls and calls.tag not in _BARE else tags


def _thoughts(thoughts: Thoughts, ids: TokenIds) -> list[str]:
    start = "thoughts blanks answer" if thoughts.is_open else "(blanks opening thoughts blanks)? answer"
    closed = [f"closed[suffix={_json(thoughts.closing)}]: {_ANYTHING}"]
    ends = ["closed"]
    number = _number(thoughts.closing, ids)
    if number:
        closed.append(f"unclosed: {_ANYTHING}")
        ends.append(f"unclosed {number}")
    return [f"start: {start}", f"opening: {_tag(thoughts.opening, ids)}", "thoughts: " + " | ".join(ends), *closed]


def _calls(calls: CallForm, ids: TokenIds, manner: Manner) -> list[str]:
    rules = _schema_rules(_call(calls, manner), "call", manner)
    tag = "" if calls.tag in _BARE else _tag(calls.tag, ids)
    if calls.tag.endswith("["):
        opening = '"["' if calls.tag == "[" else tag
        more = _more('blanks "," blanks call', calls)
        return [*rules, f'calls: blanks {opening} blanks call {more} blanks "]"']
    one = f"{tag} blanks call {_closing(calls.tag)}".strip() if tag else "call"
    more = _more("blanks one", calls)
    return [*rules, f"one: {one}", f"calls: blanks one {more}"]


def _free(calls: CallForm, ids: TokenIds) -> list[str]:
    """Text instead of calls, or in front of them. A tag that is text ends the rule `led`, and so leads to a call."""
    if not calls.follows_text or calls.tag in _BARE:
        return [f"free: /[^{_escaped(calls.tag[0])}](?s:.*)/"]
    first, *rest = calls.tag.split()
    opening = " blanks ".join(map(_json, rest))
    if calls.tag.endswith("["):
        more = _more('blanks "," blanks call', calls)
        behind = f'blanks {opening} blanks call {more} blanks "]"'
    else:
        behind = f"blanks call {_closing(calls.tag)} {_more('blanks one', calls)}"
    number = _number(first, ids)
    escaped = re.escape(first).replace("/", r"\/")
    return [
        "free: PROSE | led behind" + (f" | PROSE {number} behind" if number else ""),
        f"PROSE: {_ANYTHING} & ~/(?s:.*){escaped}(?s:.*)/",
        f"led[suffix={_json(first)}]: {_ANYTHING}",
        f"behind: {behind}",
    ]


def _schema_rules(schema: Mapping[str, Any], name: str, manner: Manner) -> list[str]:
    """The rules of a schema, `name` the first of them; in the engine's own way where we cannot write it."""
    try:
        return schema_rules(schema, name, manner)
    except NotWritten:
        return [f"{name}: %json {_json(guided(schema, manner))}"]


def _call(calls: CallForm, manner: Manner) -> Mapping[str, Any]:
    """One call of any of the tools. Tools that are too large together keep their names, and lose their arguments."""
    ways: tuple[Callable[[Tool], Mapping[str, Any]], ...] = (partial(_arguments_schema, calls), lambda _: _ANY_OBJECT)
    for parameters_of in ways:
        call = _call_of_any([(tool.function.name, parameters_of(tool)) for tool in calls.tools], calls.key)
        if len(_json(guided(call, manner))) <= _MOST_SCHEMA:
            break
    return call


def _more(part: str, calls: CallForm) -> str:
    """`part` for each call after the first."""
    return f"({part}){{0,{calls.at_most - 1}}}" if calls.at_most > 1 else ""


def _closing(tag: str) -> str:
    """A tag like one of XML has a closing one."""
    if tag.startswith("<") and tag.endswith(">") and "|" not in tag:
        return f"blanks {_json('</' + tag[1:])}"
    return ""


def _call_of_any(tools: Sequence[tuple[str, Mapping[str, Any]]], key: str) -> Mapping[str, Any]:
    """A call of one of `tools`. A schema that refers to itself stands at the root, where its references lead to."""
    choices, definitions = [], {}
    for number, (name, parameters) in enumerate(tools):
        root = f"#/$defs/{number}"
        led = _led_to(parameters, root)
        if led != parameters:
            definitions[str(number)] = led
            led = {"$ref": root}
        choices.append(_call_schema(name, key, led))
    return {"anyOf": choices, **({"$defs": definitions} if definitions else {})}


def _led_to(part: Any, root: str) -> Any:
    """A part of a schema whose references lead to `root` instead of to the whole document."""
    match part:
        case {"$ref": str(reference), **others} if reference.startswith("#"):
            return {"$ref": root + reference[1:], **{name: _led_to(item, root) for name, item in others.items()}}
        case dict():
            return {name: _led_to(item, root) for name, item in part.items()}
        case list():
            return [_led_to(item, root) for item in part]
        case _:
            return part


def _arguments_schema(calls: CallForm, tool: Tool) -> Mapping[str, Any]:
    """The schema of a tool's arguments as it was sent, where that is known and the engine can follow it."""
    told = calls.schemas.get(tool.function.name)
    if told is None:
        return parameters_schema(tool)
    schema = {**told, "type": "object"}
    if not _COMPOSED & told.keys():
        # What is not described is not to be made up.
        schema.setdefault("additionalProperties", False)
    return parameters_schema(tool) if excesses_of(schema) or problems_of(schema) else schema


def _call_schema(name: str, key: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "type": "object",
        "properties": {"name": {"const": name}, key: parameters},
        "required": ["name", key],
        "additionalProperties": False,
    }


def parameters_schema(tool: Tool) -> Mapping[str, Any]:
    """The schema of a tool's arguments; any object where it is one that no engine can follow."""
    told = msgspec.to_builtins(tool.function.parameters)
    schema = {"type": "object"} | {name: value for name, value in told.items() if value not in (None, "", [])}
    schema["type"] = "object"
    schema.pop("items", None)
    schema["properties"] = {name: _without_blanks(value) for name, value in schema.get("properties", {}).items()}
    schema["additionalProperties"] = False
    return _ANY_OBJECT if excesses_of(schema) or problems_of(schema) else schema


def _without_blanks(value: Any) -> Any:
    """A property without a type that says nothing."""
    if isinstance(value, dict):
        return {name: _without_blanks(item) for name, item in value.items() if not (name == "type" and item == "")}
    return value


def _tag(tag: str, ids: TokenIds) -> str:
    """The tag, word by word: in some vocabularies a blank of its own has no token."""
    return " blanks ".join(_word(word, ids) for word in tag.split())


def _word(word: str, ids: TokenIds) -> str:
    number = _number(word, ids)
    return f"({_json(word)} | {number})" if number else _json(word)


def _number(tag: str, ids: TokenIds) -> str:
    tokens = ids.get(tag, ())
    return f"<[{tokens[0]}]>" if len(tokens) == 1 else ""


def _escaped(sign: str) -> str:
    return f"\\{sign}" if sign in "\\]^-/" else sign


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
