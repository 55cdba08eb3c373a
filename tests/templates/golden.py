"""What the tests of templates share: recorded requests as messages, tools and prompts."""

from base64 import b64decode
from datetime import date, timedelta
from typing import Any

import msgspec

from tampu.messages import Message, Tool
from tampu.templates.images import tag_images
from tampu.templates.render import render_fill_in_the_middle, render_messages
from tampu.templates.template import Template, parse_template

TODAY = date(2026, 3, 1)


def to_message(source: dict[str, Any]) -> Message:
    images = tuple(b64decode(image) for image in source.get("images", ()))
    return msgspec.convert({**source, "role": source["role"].lower(), "images": images}, Message)


def to_messages(sources: list[dict[str, Any]]) -> list[Message]:
    return [to_message(source) for source in sources]


def to_tools(sources: list[dict[str, Any]]) -> list[Tool]:
    return [msgspec.convert(source, Tool) for source in sources]


def with_dates(text: str) -> str:
    return text.replace("{DATE}", TODAY.isoformat()).replace("{YESTERDAY}", (TODAY - timedelta(days=1)).isoformat())


def render_chat(template: Template, model: dict[str, Any], request: dict[str, Any], *, can_think: bool) -> str:
    """As the server assembles a chat: the model's system text and messages in front, images marked."""
    messages = to_messages([*model.get("messages", []), *request["messages"]])
    if model.get("system") and request["messages"][0]["role"] != "system":
        messages.insert(0, Message("system", model["system"]))
    return render_messages(
        template,
        tag_images(messages),
        tools=to_tools(request["tools"]) if "tools" in request else None,
        think=request.get("think", True if can_think else None),
        today=TODAY,
    )


def render_generate(template: Template, model: dict[str, Any], request: dict[str, Any], *, can_think: bool) -> str:
    """As the server assembles a completion; a template of the request is executed without marks for images."""
    if request.get("raw"):
        return request["prompt"]
    think = request.get("think", True if can_think else None)
    own = parse_template(request["template"]) if request.get("template") else None
    if request.get("suffix"):
        return render_fill_in_the_middle(own or template, request["prompt"], request["suffix"], think=think)
    system = request.get("system") or model.get("system")
    messages = [Message("system", system)] if system else []
    messages += to_messages(model.get("messages", []))
    images = tuple(b64decode(image) for image in request.get("images", ()))
    messages.append(Message("user", request["prompt"], images=images))
    if own is not None:
        return render_messages(own, messages, tools=(), think=think, today=TODAY)
    return render_messages(template, tag_images(messages), tools=(), think=think, today=TODAY)
