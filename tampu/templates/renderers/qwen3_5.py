"""Qwen3.5, and Ornith, which speaks the same but shows a thinking block in every answer."""

from functools import partial

from tampu.messages import Message
from tampu.templates.blanks import BLANKS
from tampu.templates.renderers import chatml
from tampu.templates.renderers.conversation import Conversation, is_user
from tampu.templates.renderers.image_marks import marked
from tampu.templates.renderers.json_style import SPACED
from tampu.templates.renderers.qwen3_coder import CALL_GUIDE, TOOLS_HEAD, call_text
from tampu.templates.renderers.qwen3_vl import is_tool_response
from tampu.templates.renderers.tool_data import tool_object


def _render(conversation: Conversation, *, always_shows_thinking: bool) -> str:
    conversation = marked(conversation)
    has_system = conversation.neighbour_role(0) == "system"
    first = conversation.messages[0].content.strip(BLANKS) if has_system else ""
    texts = [text for text in (tools_text(conversation), first) if text]
    parts = [chatml.turn("system", "\n\n".join(texts))] if texts or has_system else []
    parts += _turns(conversation, start=int(has_system), shows_all=always_shows_thinking)
    if conversation.messages and not conversation.ends_with_assistant:
        parts.append(primer(thinks=conversation.thinks(by_default=True)))
    return "".join(parts)


render = partial(_render, always_shows_thinking=False)
render_ornith = partial(_render, always_shows_thinking=True)


def tools_text(conversation: Conversation) -> str:
    """The tools on offer and how to call them."""
    if not conversation.tools:
        return ""
    return "\n".join([TOOLS_HEAD, *(SPACED.text(tool_object(tool)) for tool in conversation.tools), CALL_GUIDE])


def primer(*, thinks: bool) -> str:
    """The open turn that the model fills."""
    return chatml.opened("assistant", "<think>\n" if thinks else "<think>\n\n</think>\n\n")


def last_question(conversation: Conversation) -> int:
    """The place of the user's last message that is not the result of a tool; -1 where there is none."""
    return conversation.last_index(
        lambda message: is_user(message) and not is_tool_response(message.content.strip(BLANKS))
    )


def _turns(conversation: Conversation, *, start: int, shows_all: bool) -> list[str]:
    """The turns from `start` on. `shows_all`: a thinking block in every answer, not only behind the last question."""
    count = len(conversation.messages)
    shown_from = last_question(conversation)
    if shown_from < 0 or conversation.think is False:
        shown_from = count
    parts: list[str] = []
    for index in range(start, count):
        message = conversation.messages[index]
        if message.role == "assistant":
            shows_thinking = shows_all or index > shown_from
            thinking, content = _split(message, reads_own=shows_thinking)
            parts.append(answer(message, content, thinking if shows_thinking else None, is_last=index == count - 1))
        elif message.role in {"user", "system", "tool"}:
            parts.append(turn(conversation, index))
    return parts


def _split(message: Message, *, reads_own: bool) -> tuple[str, str]:
    """Reasoning and text of an answer: reasoning inside the text counts where the message's own is not read."""
    content = message.content.strip(BLANKS)
    if (reads_own and message.thinking) or "</think>" not in content:
        return message.thinking if reads_own else "", content
    before, _, content = content.partition("</think>")
    return before.rpartition("<think>")[2], content.lstrip("\n")


def turn(conversation: Conversation, index: int) -> str:
    """A turn that is not the model's."""
    message = conversation.messages[index]
    content = message.content.strip(BLANKS)
    if message.role == "tool":
        opens = conversation.neighbour_role(index - 1) != "tool"
        closes = conversation.neighbour_role(index + 1) != "tool"
        return chatml.tool_response(opens, closes, content)
    return chatml.turn(message.role, content)


def answer(message: Message, content: str, thinking: str | None, *, is_last: bool) -> str:
    """A turn of the model; `thinking` None shows no block. The last one is left open."""
    body = content
    if message.tool_calls:
        calls = "\n".join(map(call_text, message.tool_calls))
        body += f"\n\n{calls}" if body.strip(BLANKS) else calls
    if thinking is not None:
        body = f"<think>\n{thinking.strip(BLANKS)}\n</think>\n\n{body}"
    return chatml.opened("assistant", body) if is_last else chatml.turn("assistant", body)
