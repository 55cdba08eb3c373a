"""What is sent to an engine: every field is written anew from typed values, nothing of a client's JSON passes. Pure."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec

from tampu.engine.protocol import EngineChat, EngineCompletion
from tampu.errors import EngineRefused
from tampu.generation import BANNED_BIAS, AnyJson, InvalidFormat, JsonSchema, OutputFormat, Think
from tampu.messages import Message, Tool, ToolCall
from tampu.options import Sampling

Body = dict[str, Any]

_INT_MAX: Final = 2**31 - 1
_ANY_OBJECT: Final[Mapping[str, Any]] = {"type": "object"}
_FREE_PARTS: Final = frozenset({"items", "enum", "$defs"})
"""Of a tool's schema: what Ollama reads without knowing what is in it."""
_IMAGE_TYPES: Final = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)


def completion_body(request: EngineCompletion, *, num_ctx: int, constraint: Body) -> Body:
    """The body of `/completion`. `constraint`: the fields that hold the answer to a form, `{}` for a free one."""
    prompt: Any = request.prompt if isinstance(request.prompt, str) else list(request.prompt)
    if request.images and isinstance(prompt, str):
        media = [b64encode(image).decode() for image in request.images]
        prompt = {"prompt_string": prompt, "multimodal_data": media}
    body = {"prompt": prompt, "stream": True, "cache_prompt": True} | sampling_fields(request.sampling, num_ctx)
    if request.logprobs is not None:
        # The engine tells a token's own probability only along with its alternatives.
        body["n_probs"] = max(1, request.logprobs)
    body |= constraint
    if request.reports_progress:
        body["return_progress"] = True
    if request.preserved:
        body["preserved_tokens"] = list(request.preserved)
    return body


def chat_body(request: EngineChat, *, num_ctx: int, schema: Mapping[str, Any] | None) -> Body:
    """The body of `/v1/chat/completions`."""
    body = conversation_fields(request.messages, request.tools, request.think)
    body |= {"stream": True, "cache_prompt": True} | sampling_fields(request.sampling, num_ctx)
    if request.logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": max(1, request.logprobs)}
    if request.must_call:
        body["tool_choice"] = "required"
    if request.reports_progress:
        body["return_progress"] = True
    if schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"schema": schema}}
        if request.think is False:
            # Else the constraint leaves room for thoughts in front.
            body["reasoning_format"] = "none"
    return body


def prompt_size(body: Body) -> int:
    """Characters of what a body of either kind asks, without what a template adds; of given tokens, their number.

    What goes along with pictures has no size.
    """
    prompt = body.get("prompt", "")
    messages = sum(len(str(message["content"])) for message in body.get("messages", ()))
    return messages + (len(prompt) if isinstance(prompt, str | list) else 0)


def conversation_fields(messages: Sequence[Message], tools: Sequence[Tool], think: Think | None) -> Body:
    """What a chat template is rendered from."""
    body: Body = {"messages": [_message(message) for message in _continuable(messages)]}
    if tools:
        body["tools"] = [_tool(tool) for tool in tools]
    if think is not None:
        kwargs: Body = {"enable_thinking": bool(think)}
        if isinstance(think, str):
            kwargs["reasoning_effort"] = think
        body["chat_template_kwargs"] = kwargs
    return body


def _continuable(messages: Sequence[Message]) -> Sequence[Message]:
    """The messages, the last one without its calls if it is the assistant's: engines continue no message that has any.

    Where there is no text of it to continue, it is left out, and the answer begins anew.
    """
    *before, last = messages or [Message("")]
    if last.role != "assistant" or not last.tool_calls:
        return messages
    return [*before, msgspec.structs.replace(last, tool_calls=())] if last.content or not before else before


def schema_of(wanted: OutputFormat | None) -> Mapping[str, Any] | None:
    """The schema that a format stands for. A format of a wrong kind never gets so far."""
    match wanted:
        case None | InvalidFormat():
            return None
        case AnyJson():
            return _ANY_OBJECT
        case JsonSchema(schema=schema):
            return schema


def sampling_fields(sampling: Sampling, num_ctx: int) -> Body:
    """Sampling in the engine's names; raises EngineRefused for what no engine can follow.

    No answer is longer than ten contexts; a penalty that looks at all tokens looks at one context, and the engine
    takes memory for as many as it is told, so it is told no more than an answer can have.
    """
    _check(sampling)
    longest = 10 * num_ctx
    wanted = sampling.num_predict
    fields: Body = {"logit_bias": [_bias(*entry) for entry in sampling.logit_bias]} if sampling.logit_bias else {}
    return fields | {
        "n_predict": min(longest if wanted < 0 or wanted > longest else wanted, _INT_MAX),
        "n_keep": min(sampling.num_keep, _INT_MAX),
        "seed": -1 if sampling.seed < 0 else sampling.seed & 0xFFFF_FFFF,
        "temperature": sampling.temperature,
        "top_k": min(max(sampling.top_k, 0), _INT_MAX),
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
        "typical_p": sampling.typical_p,
        "repeat_last_n": num_ctx if sampling.repeat_last_n < 0 else min(sampling.repeat_last_n, longest),
        "repeat_penalty": sampling.repeat_penalty,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "stop": list(sampling.stop),
    }


def _check(sampling: Sampling) -> None:
    if not sampling.repeat_penalty > 0:
        raise _refused("repeat_penalty", "greater than 0", sampling.repeat_penalty)
    for option, value in (("num_keep", sampling.num_keep), ("repeat_last_n", sampling.repeat_last_n)):
        if value < -1:
            raise _refused(option, "-1 or more", value)


def _refused(option: str, allowed: str, value: float) -> EngineRefused:
    return EngineRefused(HTTPStatus.BAD_REQUEST, f'option "{option}" must be {allowed}, got {value:.15g}')


def _bias(token: int, bias: float) -> list[Any]:
    """A bias as the engine takes it, which knows a word of its own for never."""
    return [token, False if bias <= BANNED_BIAS else bias]


def _message(message: Message) -> Body:
    """A message in the OpenAI shape. Past thinking is not sent: templates that want it find it in the content."""
    body: Body = {"role": message.role, "content": _content(message)}
    if message.tool_calls:
        body["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
    if message.tool_call_id:
        body["tool_call_id"] = message.tool_call_id
    if message.tool_name:
        body["name"] = message.tool_name
    return body


def _content(message: Message) -> str | list[Body]:
    if not message.images:
        return message.content
    parts: list[Body] = [{"type": "text", "text": message.content}] if message.content else []
    return parts + [_medium(medium) for medium in message.images]


def _medium(medium: bytes) -> Body:
    """A content part that holds a picture or a sound, told apart by its first bytes."""
    encoded = b64encode(medium).decode()
    if medium.startswith(b"RIFF") and medium[8:12] == b"WAVE":
        return {"type": "input_audio", "input_audio": {"data": encoded, "format": "wav"}}
    if medium.startswith(b"ID3") or (medium[:1] == b"\xff" and medium[1:2] >= b"\xe0"):
        return {"type": "input_audio", "input_audio": {"data": encoded, "format": "mp3"}}
    kind = next((kind for magic, kind in _IMAGE_TYPES if medium.startswith(magic)), "image/png")
    return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{encoded}"}}


def _tool_call(call: ToolCall) -> Body:
    """A call whose arguments keep their order; what lies in them is in the order of its names, as Ollama sends it."""
    values = {name: _with_sorted_names(value) for name, value in call.function.arguments.items()}
    arguments = msgspec.json.encode(values).decode()
    body: Body = {"type": "function", "function": {"name": call.function.name, "arguments": arguments}}
    return {"id": call.id, **body} if call.id else body


def _tool(tool: Tool) -> Body:
    """A tool with the schema as Ollama writes it; a tool without one has an empty one."""
    parameters = _ordered_schema(msgspec.to_builtins(tool.function.parameters))
    kept = {key: value for key, value in parameters.items() if value not in (None, "", [])}
    if "type" in kept:
        kept.setdefault("properties", None)  # templates print it
    function = {"name": tool.function.name, "description": tool.function.description, "parameters": kept}
    return {"type": "function", "function": function}


def _ordered_schema(schema: Body) -> Body:
    """The schema with those of its parts in the order of their names that Ollama reads as free values."""
    ordered = {**schema, **{key: _with_sorted_names(schema[key]) for key in _FREE_PARTS & schema.keys()}}
    if properties := schema.get("properties"):
        ordered["properties"] = {name: _ordered_schema(item) for name, item in properties.items()}
    if choices := schema.get("anyOf"):
        ordered["anyOf"] = [_ordered_schema(item) for item in choices]
    return ordered


def _with_sorted_names(value: Any) -> Any:
    return msgspec.to_builtins(value, order="deterministic")
