"""`text.format`: the form that an answer must have."""

from typing import Any

from tampu.errors import BadRequest
from tampu.generation import AnyJson, JsonSchema, OutputFormat

_KINDS = 'text.format must be {"type": "text"}, {"type": "json_object"} or {"type": "json_schema", "name", "schema"}'
_REPEATED = ("type", "name", "description", "schema", "strict")
_TEXT = {"type": "text"}


def read_text_format(value: Any) -> tuple[OutputFormat | None, dict[str, Any]]:
    """The form, None for free text, and how the answer repeats it; raises BadRequest."""
    match value:
        case None:
            return None, _TEXT
        case {"type": "text"}:
            return None, _TEXT
        case {"type": "json_object"}:
            return AnyJson(), {"type": "json_object"}
        case {"type": "json_schema", "schema": dict(schema)}:
            return JsonSchema(schema), {key: value[key] for key in _REPEATED if value.get(key) is not None}
        case {"type": "json_schema"}:
            raise BadRequest("text.format: a json_schema needs its schema, an object")
        case _:
            raise BadRequest(_KINDS)
