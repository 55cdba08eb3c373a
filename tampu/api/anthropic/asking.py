"""What a request for a message says, and the request of the vocabulary that it becomes.

A field that changes the answer and that nobody here can honour is refused by its name; all others are accepted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import msgspec

from tampu.api.anthropic.conversation import MessageBody, read_conversation
from tampu.api.anthropic.errors import MESSAGES, SEARCH
from tampu.api.anthropic.tools import ToolBody, ToolChoiceBody, read_choice, read_offer
from tampu.api.fields import read_keep_alive
from tampu.api.words import check_reference
from tampu.errors import BadRequest
from tampu.generation import ChatInput, GenerationRequest, JsonSchema, OutputFormat, Think
from tampu.units import KeepAlive
from tampu.wire import Int64

Number = int | float
_EFFORTS: Mapping[str, Think] = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "max"}
_FORMAT = '{place} must be {{"type": "json_schema", "schema": {{...}}}}'
_INSTEAD = {
    "mcp_servers": "nothing is called from here; offer the tools of those servers as your own",
    "thread": "no conversation is kept here; send all of its messages",
    "compaction": "nothing is summarized here; send fewer messages",
}
"""Fields that would change the answer and cannot be honoured, and what to do instead."""


class ThinkingBody(msgspec.Struct):
    """Whether to think, and for how many tokens at most; `display` may say that thoughts are not to be shown."""

    go_name: ClassVar = "anthropic.ThinkingConfig"

    type: str = ""
    budget_tokens: Int64 | None = None
    display: str = ""


class OutputBody(msgspec.Struct):
    """How hard to think, and which form the answer must have."""

    go_name: ClassVar = "anthropic.OutputConfig"

    effort: str = ""
    format: Any = None


class AskingBody(msgspec.Struct):
    """The fields that a message and the count of its tokens share. Those behind `cache_control` are ours."""

    model: str = ""
    messages: list[MessageBody] = msgspec.field(default_factory=list)
    system: Any = None
    tools: list[ToolBody] = msgspec.field(default_factory=list)
    tool_choice: ToolChoiceBody | None = None
    thinking: ThinkingBody = msgspec.field(default_factory=ThinkingBody)
    output_config: OutputBody = msgspec.field(default_factory=OutputBody)
    output_format: Any = None
    mcp_servers: list[Any] = msgspec.field(default_factory=list)
    container: Any = None
    thread: Any = None
    compaction: Any = None
    metadata: Annotated[dict[str, Any], msgspec.Meta(title="anthropic.Metadata")] = msgspec.field(default_factory=dict)
    context_management: dict[str, Any] = msgspec.field(default_factory=dict)
    service_tier: str = ""
    cache_control: dict[str, Any] | None = None
    options: dict[str, Any] = msgspec.field(default_factory=dict)
    keep_alive: Any = None
    truncate: bool = False
    describe_tools: bool | None = None


class MessageRequestBody(AskingBody):
    """What only a message that is to be written has."""

    go_name: ClassVar = "anthropic.MessagesRequest"

    max_tokens: Int64 = 0
    stream: bool = False
    temperature: Number | None = None
    top_p: Number | None = None
    top_k: Int64 | None = None
    stop_sequences: list[str] = msgspec.field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of this dialect. `request_id`: what its client calls it; `stops`: its own stop sequences.

    `caches`: it marks what to cache, so the counts tell what was; `searches`: it offers the web search;
    `shows_thoughts` False: their place is shown, not their text.
    """

    request: GenerationRequest
    request_id: str
    stops: tuple[str, ...] = ()
    caches: bool = False
    searches: bool = False
    shows_thoughts: bool = True


def read_message_request(body: MessageRequestBody, request_id: str) -> Asked:
    """The request for a message; raises BadRequest, and what the route says of names, last."""
    _require(body.model, "model is required")
    _require(body.max_tokens > 0, "max_tokens is required and must be positive")
    stops = tuple(body.stop_sequences)
    settings = {"stream": body.stream, "progress": body.stream, "names_stop": bool(stops)}
    return _asked(body, request_id, {**body.options, **_sampling(body)}, stops=stops, **settings)


def read_count_request(body: AskingBody, request_id: str) -> Asked:
    """The request for the count of a prompt's tokens; raises as above."""
    _require(body.model, "model is required")
    return _asked(body, request_id, body.options, stream=False)


def _asked(
    body: AskingBody, request_id: str, options: Mapping[str, object], *, stops: tuple[str, ...] = (), **settings: Any
) -> Asked:
    _require(body.messages, "messages is required")
    _check_unsupported(body)
    offer = read_offer(body.tools)
    chat = ChatInput(
        messages=read_conversation(body.system, body.messages),
        tools=offer.tools,
        tool_choice=read_choice(body.tool_choice),
        describe_tools=body.describe_tools,
        parallel_calls=not (body.tool_choice and body.tool_choice.disable_parallel_tool_use),
        strict_calls=offer.is_strict,
        schemas=offer.schemas,
    )
    request = GenerationRequest(
        model=body.model,
        input=chat,
        options=options,
        format=_format(body),
        think=_think(body),
        thinks_if_able=True,
        thinking_budget=_budget(body.thinking),
        keep_alive=_keep_alive(body.keep_alive),
        truncate=body.truncate,
        **settings,
    )
    check_reference(body.model, SEARCH if offer.searches else MESSAGES)
    shows_thoughts = body.thinking.display != "omitted"
    return Asked(request, request_id, stops, _caches(body), offer.searches, shows_thoughts)


def _keep_alive(told: Any) -> KeepAlive | None:
    try:
        return read_keep_alive(told)
    except BadRequest as error:
        raise BadRequest(f"keep_alive: {error.message}") from None


def _require(given: object, otherwise: str) -> None:
    if not given:
        raise BadRequest(otherwise)


def _check_unsupported(body: AskingBody) -> None:
    for name, instead in _INSTEAD.items():
        if getattr(body, name):
            raise BadRequest(f"{name} is not supported: {instead}")
    if isinstance(body.container, dict) and body.container.get("skills"):
        raise BadRequest("container.skills are not supported: nothing is run here; offer tools of your own")


def _sampling(body: MessageRequestBody) -> Mapping[str, object]:
    given = {name: value for name in ("temperature", "top_p", "top_k") if (value := getattr(body, name)) is not None}
    if body.stop_sequences:
        given["stop"] = list(body.stop_sequences)
    return {**given, "num_predict": body.max_tokens}


def _think(body: AskingBody) -> Think | None:
    """Whether and how hard to think; a word that nobody knows yet says nothing."""
    if body.thinking.type == "disabled":
        return False
    effort = _EFFORTS.get(body.output_config.effort.strip().lower())
    return True if effort is None and body.thinking.type == "enabled" else effort


def _budget(told: ThinkingBody) -> int | None:
    if told.type != "enabled" or told.budget_tokens is None:
        return None
    _require(told.budget_tokens > 0, "thinking.budget_tokens must be positive")
    return told.budget_tokens


def _format(body: AskingBody) -> OutputFormat | None:
    told, place = body.output_config.format, "output_config.format"
    if told is None:
        told, place = body.output_format, "output_format"
    match told:
        case None:
            return None
        case {"type": "json_schema", "schema": dict(schema)}:
            return JsonSchema(schema)
        case _:
            raise BadRequest(_FORMAT.format(place=place))


def _caches(body: AskingBody) -> bool:
    """Whether anything is marked for the cache, without which nothing is called cached."""
    if body.cache_control is not None or any(tool.cache_control is not None for tool in body.tools):
        return True
    contents = (body.system, *(message.content for message in body.messages))
    return any(_is_marked(block) for content in contents if isinstance(content, list) for block in content)


def _is_marked(block: Any) -> bool:
    return isinstance(block, dict) and block.get("cache_control") is not None
