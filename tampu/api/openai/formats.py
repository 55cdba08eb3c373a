"""`response_format`: the form that an answer must have."""

from typing import Any

from tampu.errors import BadRequest, InvalidOutputFormat
from tampu.generation import AnyJson, InvalidFormat, JsonSchema, OutputFormat
from tampu.json_misfits import unfit
from tampu.wire import encode

_KINDS = 'response_format must be {"type": "text"}, {"type": "json_object"} or {"type": "json_schema", ...}'


def read_response_format(value: Any) -> OutputFormat | None:
    """The form, None for free text; a schema of a wrong kind is kept: it is refused when an answer would begin."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise BadRequest(unfit(value, "openai.ResponseFormat", "ChatCompletionRequest.response_format"))
    kind, told = value.get("type"), value.get("json_schema")
    if kind is None:
        raise BadRequest(_KINDS)
    if not isinstance(kind, str):
        raise BadRequest(unfit(kind, "string", "ResponseFormat.response_format.type"))
    if not isinstance(told, dict | None):
        raise BadRequest(unfit(told, "openai.JsonSchema", "ResponseFormat.response_format.json_schema"))
    match kind.strip().lower():
        case "text":
            return None
        case "json_object":
            # Other local servers take the schema here.
            return _form(value.get("schema"))
        case "json_schema":
            return _form(told.get("schema") if told else None)
        case _:
            raise InvalidOutputFormat(_KINDS)


def _form(schema: Any) -> OutputFormat:
    match schema:
        case None:
            return AnyJson()
        case dict():
            return JsonSchema(schema)
        case _:
            return InvalidFormat(encode(schema).decode())
