"""Content blocks that a model reads as text or sees: texts, pictures, documents, search results.

What a block holds and cannot be shown to a model is refused by its place and name, never left out in silence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tampu.api.fields import read_address, read_base64
from tampu.errors import BadRequest

Block = Mapping[str, Any]

READABLE = frozenset({"text", "image", "document", "search_result", "compaction"})
"""The types of blocks that `Content` takes."""
UNREADABLE = frozenset({"redacted_thinking", "fallback", "tool_reference"})
"""Blocks that say nothing to any model but the one that wrote them."""


@dataclass(slots=True)
class Content:
    """What a list of blocks holds: texts in their order, and pictures."""

    texts: list[str] = field(default_factory=list)
    images: list[bytes] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All texts, with nothing between them."""
        return "".join(self.texts)

    def add(self, block: Block, place: str) -> None:
        """Take one of the READABLE blocks; raises BadRequest that names the place."""
        match block_type(block, place):
            case "text":
                self.texts.append(text_of(block, "text", place))
            case "image":
                self.images.append(_image(block, place))
            case "document":
                self._add_document(block, place)
            case "search_result":
                self.texts.append(_titled(block, ("title", "source"), _joined(block.get("content"), place), place))
            case "compaction":
                self.texts.append(text_of(block, "content", place, otherwise=""))
            case strange:
                raise unknown_block(strange, place)

    def _add_document(self, block: Block, place: str) -> None:
        inner = Content()
        match block.get("source"):
            case {"type": "text", "data": str(text)}:
                inner.texts.append(text)
            case {"type": "content", "content": str(text)}:
                inner.texts.append(text)
            case {"type": "content", "content": list(blocks)}:
                inner = read_blocks(blocks, f"{place}.source.content")
            case {"type": "base64", "media_type": "text/plain", "data": str(data)}:
                inner.texts.append(read_base64(data, f"{place}.source.data").decode("utf-8", "replace"))
            case _:
                raise BadRequest(
                    f"{place} is a document whose source is no text; send its text as "
                    '{"type": "text", "media_type": "text/plain", "data": TEXT}'
                )
        self.texts.append(_titled(block, ("title", "context"), inner.text, place))
        self.images.extend(inner.images)


def read_content(value: Any, place: str) -> Content:
    """A content that is a text or a list of READABLE blocks; raises BadRequest."""
    match value:
        case None:
            return Content()
        case str():
            return Content([value])
        case list():
            return read_blocks(value, place)
        case _:
            raise no_content(place)


def read_blocks(blocks: Sequence[Any], place: str) -> Content:
    """The content of READABLE blocks; those that nobody can read are left out."""
    content = Content()
    for number, block in enumerate(blocks):
        where = f"{place}[{number}]"
        if block_type(block, where) not in UNREADABLE:
            content.add(block, where)
    return content


def block_type(block: Any, place: str) -> str:
    """The type of a block; raises BadRequest where it has none."""
    match block:
        case {"type": str(kind)} if kind:
            return kind
        case _:
            raise BadRequest(f"{place} must be a content block, an object with a type")


def text_of(block: Block, name: str, place: str, *, otherwise: str | None = None) -> str:
    """The text `name` of a block, `otherwise` where it is not there; raises BadRequest."""
    value = block.get(name)
    if value is None and otherwise is not None:
        return otherwise
    if not isinstance(value, str):
        raise BadRequest(f"{place}.{name} must be a string")
    return value


def no_content(place: str) -> BadRequest:
    """What to say of a content of a wrong kind."""
    return BadRequest(f"{place} must be a string or a list of content blocks")


def unknown_block(kind: str, place: str) -> BadRequest:
    """What to say of a block that no model here can be shown."""
    return BadRequest(f'{place} has the type "{kind[:100]}", which is not supported; send it as text')


def _image(block: Block, place: str) -> bytes:
    match block.get("source"):
        case {"type": "base64", "data": str(data)}:
            pass
        case {"type": "base64"}:
            raise BadRequest(f"{place}.source.data must be a string")
        case {"type": "url", "url": str(url)} if url.startswith(("http://", "https://")):
            return read_address(url, f"{place}.source.url")
        case {"type": str(kind)}:
            raise BadRequest(f"invalid image source type: {kind[:100]}. Only base64 images are supported.")
        case _:
            raise BadRequest("invalid image source")
    try:
        return read_base64(data, f"{place}.source.data")
    except BadRequest as error:
        raise BadRequest(f"invalid base64 image data: {error.message}") from None


def _joined(value: Any, place: str) -> str:
    return read_content(value, f"{place}.content").text


def _titled(block: Block, names: Sequence[str], text: str, place: str) -> str:
    """A text under what is known of it, told apart from the text that follows."""
    head = [told for name in names if (told := text_of(block, name, place, otherwise=""))]
    return "\n".join([*head, text, "", ""])
