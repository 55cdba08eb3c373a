"""Groups the events of an answer into output items, and tells each change as OpenAI's stream does.

The same events give the same items with the same ids, however their texts were cut.

1. One item is open at most: a message or a thought grows until something else comes, then it is closed.
2. A call comes whole: its item is opened and closed at once.
3. Blanks behind a call are no message: they wait until a text follows them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tampu.generation import GenerationEvent, TextDelta, ThinkingDelta, TokenLogprob, ToolCallReady
from tampu.messages import ToolCall
from tampu.wire import encode

Payload = dict[str, Any]
Change = tuple[str, Payload]
"""The type of a stream's event without `response.` in front, and its fields."""
COMPLETED, INCOMPLETE, IN_PROGRESS = "completed", "incomplete", "in_progress"


@dataclass(slots=True)
class Growing:
    """A message or a thought that is not closed yet."""

    id: str
    index: int
    is_thought: bool
    texts: list[str] = field(default_factory=list)
    logprobs: list[dict[str, Any]] = field(default_factory=list)


class Output:
    """The items of one response. `tag` makes their ids unique; `with_logprobs`: messages tell those of their tokens."""

    def __init__(self, tag: str, *, with_logprobs: bool = False) -> None:
        self._tag, self._with_logprobs = tag, with_logprobs
        self._calls = 0
        self._blanks = TextDelta("")
        self.open: Growing | None = None
        self.items: list[dict[str, Any]] = []

    def take(self, event: GenerationEvent) -> Sequence[Change]:
        """The changes that an event makes."""
        match event:
            case TextDelta():
                return self._take_text(event)
            case ThinkingDelta(text=text) if text:
                opening = () if self.open and self.open.is_thought else self._begin_thought()
                return (*opening, self._grown(text))
            case ToolCallReady(call=call):
                return (*self.close(), *self._whole_call(call))
            case _:
                return ()

    def close(self, *, status: str = COMPLETED) -> Sequence[Change]:
        """End the open item."""
        growing, self.open = self.open, None
        if growing is None:
            return ()
        return self._closed_thought(growing) if growing.is_thought else self._closed_message(growing, status)

    def add_empty_message(self) -> None:
        """Where nothing was said: an answer in one piece has a message all the same, as in Ollama."""
        self._begin_message()
        self.close()

    def _take_text(self, event: TextDelta) -> Sequence[Change]:
        is_open = self.open is not None and not self.open.is_thought
        if not is_open:
            event, self._blanks = _joined(self._blanks, event), TextDelta("")
            if self._calls and not event.text.strip():
                self._blanks = event  # 3
                return ()
        told = [described(entry) for entry in event.logprobs] if self._with_logprobs else []
        if not event.text and not told:
            return ()
        opening = () if is_open else self._begin_message()
        return (*opening, self._grown(event.text, told))

    def _grown(self, text: str, logprobs: Sequence[dict[str, Any]] = ()) -> Change:
        growing = self.open
        assert growing is not None  # noqa: S101  # its caller has just opened it
        growing.texts.append(text)
        growing.logprobs.extend(logprobs)
        place = {"item_id": growing.id, "output_index": growing.index}
        if growing.is_thought:
            return "reasoning_summary_text.delta", {**place, "summary_index": 0, "delta": text}
        return "output_text.delta", {**place, "content_index": 0, "delta": text, "logprobs": list(logprobs)}

    def _begin_thought(self) -> Sequence[Change]:
        closing = self.close()
        self.open = Growing(self._id("rs"), len(self.items), is_thought=True)
        return (*closing, self._added({"id": self.open.id, "type": "reasoning", "summary": []}))

    def _closed_thought(self, growing: Growing) -> Sequence[Change]:
        text = "".join(growing.texts)
        item = {
            "id": growing.id,
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": text}],
            # Nothing is secret between a machine and its owner: it is the text, for whoever keeps no responses.
            "encrypted_content": text,
        }
        place = {"item_id": growing.id, "output_index": growing.index, "summary_index": 0}
        return (("reasoning_summary_text.done", {**place, "text": text}), self._done(item))

    def _begin_message(self) -> Sequence[Change]:
        closing = self.close()
        self.open = Growing(self._id("msg"), len(self.items), is_thought=False)
        place = {"item_id": self.open.id, "output_index": self.open.index, "content_index": 0}
        return (
            *closing,
            self._added(_message(self.open.id, IN_PROGRESS, [])),
            ("content_part.added", {**place, "part": _text_part("", [])}),
        )

    def _closed_message(self, growing: Growing, status: str) -> Sequence[Change]:
        text = "".join(growing.texts)
        part = _text_part(text, growing.logprobs)
        place = {"item_id": growing.id, "output_index": growing.index, "content_index": 0}
        return (
            ("output_text.done", {**place, "text": text, "logprobs": growing.logprobs}),
            ("content_part.done", {**place, "part": part}),
            self._done(_message(growing.id, status, [part])),
        )

    def _whole_call(self, call: ToolCall) -> Sequence[Change]:
        arguments = encode(call.function.arguments).decode()
        item = {
            "id": f"fc_{self._tag}_{self._calls}",
            "type": "function_call",
            "status": IN_PROGRESS,
            "call_id": call.id or f"call_{self._tag}_{self._calls}",
            "name": call.function.name,
            "arguments": "",
        }
        self._calls += 1
        place = {"item_id": item["id"], "output_index": len(self.items)}
        return (
            self._added(item),
            ("function_call_arguments.delta", {**place, "delta": arguments}),
            ("function_call_arguments.done", {**place, "arguments": arguments}),
            self._done({**item, "status": COMPLETED, "arguments": arguments}),
        )

    def _added(self, item: dict[str, Any]) -> Change:
        return "output_item.added", {"output_index": len(self.items), "item": item}

    def _done(self, item: dict[str, Any]) -> Change:
        self.items.append(item)
        return "output_item.done", {"output_index": len(self.items) - 1, "item": item}

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._tag}_{len(self.items)}"


def _joined(first: TextDelta, second: TextDelta) -> TextDelta:
    return TextDelta(first.text + second.text, (*first.logprobs, *second.logprobs))


def described(entry: TokenLogprob) -> dict[str, Any]:
    """A token's probability, with those of its alternatives."""
    return {**_plain(entry), "top_logprobs": [_plain(top) for top in entry.top]}


def _plain(entry: TokenLogprob) -> dict[str, Any]:
    return {"token": entry.token, "bytes": entry.bytes or tuple(entry.token.encode()), "logprob": entry.logprob}


def _message(item_id: str, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": content}


def _text_part(text: str, logprobs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": list(logprobs)}
