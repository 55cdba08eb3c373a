"""A conversation as a text to keep: markdown to read, JSON to go on with."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tampu.repl.session import Message, Session

_TITLES: Final = {"user": "You", "assistant": "Answer", "system": "System"}


def as_markdown(session: Session) -> str:
    """The conversation under headings; what the model thought is quoted, pictures and sounds are only counted."""
    parts = [f"# {session.model}", *map(_section, _spoken(session))]
    return "\n\n".join(parts) + "\n"


def as_json(session: Session) -> str:
    """The conversation as `/api/chat` takes it: model, options that were set, messages."""
    body: dict[str, Any] = {"model": session.model, "messages": _spoken(session)}
    if session.options:
        body["options"] = session.options
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode() + "\n"


def _spoken(session: Session) -> Sequence[Message]:
    """All messages: those that the model was made with, then those of the session."""
    stored = [{"role": message.role, "content": message.content} for message in session.description.messages]
    return [*stored, *session.messages]


def _section(message: Message) -> str:
    parts = [f"## {_TITLES.get(message['role'], message['role'])}"]
    if thinking := message.get("thinking", "").strip():
        parts.append("\n".join(f"> {line}".rstrip() for line in thinking.splitlines()))
    if count := len(message.get("images", ())):
        parts.append(f"*({count} file{'s' if count > 1 else ''} attached)*")
    return "\n\n".join([*parts, message["content"].strip()])
