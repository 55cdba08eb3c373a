"""The fields of a request that hold its answer to a form. Pure.

1. Any engine takes a schema; one that no engine can follow is refused here, in words.
2. The bundled engine takes grammars too, and gets one: it holds thoughts and calls, and bounds blanks and digits.
3. With vocabularies that put a blank in front of words it errs; for them it gets a grammar in its older language.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tampu.engine.gbnf import NotWritable, json_grammar
from tampu.engine.grammar import TokenIds, grammar_of
from tampu.engine.protocol import EngineChat, EngineCompletion
from tampu.engine.replies import schema_refusal
from tampu.engine.requests import Body, schema_of
from tampu.engine.schema import problems_of
from tampu.engine.schema_limits import excesses_of

_CHARACTERS_PER_TOKEN: Final = 4
"""Of usual text; of code it is less."""


def constraint(request: EngineCompletion, *, mark: str, ids: TokenIds, num_ctx: int, end: Sequence[int] = ()) -> Body:
    """For the bundled engine; `mark` shows up in its log if it cannot follow.

    `ids`: the tokens of `tags_of`. `end`: those of the end of a text. A call's text ends where a context of `num_ctx`
    tokens holds no more of it: a model that finds no end would else write until it is cut, and the call be none.
    """
    followable_schema(request)
    if request.thoughts is None and request.calls is None and request.format is None:
        return {}
    thoughts, calls = request.thoughts, request.calls
    longest = num_ctx * _CHARACTERS_PER_TOKEN
    grammar = grammar_of(request.format, thoughts=thoughts, calls=calls, ids=ids, mark=mark, end=end, longest=longest)
    return {"grammar": grammar}


def plain_constraint(request: EngineCompletion) -> Body:
    """For any engine: the schema alone."""
    schema = followable_schema(request)
    return {} if schema is None else {"json_schema": schema}


def older_constraint(request: EngineCompletion) -> Body:
    """For the bundled engine with a vocabulary that puts a blank in front of words."""
    followable_schema(request)
    try:
        grammar = json_grammar(request.format)
    except NotWritable as reason:
        raise schema_refusal([str(reason)], is_chat=False) from None
    return {} if grammar is None else {"grammar": grammar}


def followable_schema(request: EngineCompletion | EngineChat) -> Mapping[str, Any] | None:
    """The schema of the answer; raises EngineRefused for one that no engine can follow, with the places."""
    schema = schema_of(request.format)
    problems = [] if schema is None else excesses_of(schema) or problems_of(schema)
    if problems:
        raise schema_refusal(problems, is_chat=isinstance(request, EngineChat))
    return schema
