"""What a request says, as a list of items: each with a type and an id, whatever short form it was sent in."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tampu.errors import BadRequest
from tampu.json_misfits import unfit

Item = dict[str, Any]
REFERENCE = "item_reference"
_ID_PREFIXES = {"message": "msg", "function_call": "fc", "function_call_output": "fco", "reasoning": "rs"}
RESPONSE_PREFIX = "resp_"
_ITEM = 'struct { Type string "json:\\"type\\""; Role string "json:\\"role\\"" }'
"""What errors call an item, as clients of Ollama know it."""


def read_input(value: Any, tag: str) -> tuple[Item, ...]:
    """The items of an `input`; `tag` makes their ids unique. What is in them is not looked at. Raises BadRequest."""
    match value:
        case None:
            return ()
        case "":
            return ()
        case str(text):
            return (_with_id({"type": "message", "role": "user", "content": text}, f"{tag}_in0"),)
        case list(items):
            return tuple(
                _with_id(_typed(item, f"input[{number}]"), f"{tag}_in{number}") for number, item in enumerate(items)
            )
        case _:
            raise BadRequest(f"input must be a string or array: {unfit(value, '[]json.RawMessage')}")


def listed(item: Item) -> Item:
    """The item as it is told in lists: a content is a list of parts."""
    if item["type"] != "message":
        return item
    is_answer = str(item.get("role")).lower() == "assistant"
    content = item.get("content")
    if isinstance(content, str):
        part = {"type": "output_text", "text": content, "annotations": []} if is_answer else {
            "type": "input_text", "text": content
        }  # fmt: skip
        item = {**item, "content": [part]}
    return {"status": "completed", **item}


def response_of(item_id: str) -> str:
    """The id of the response that an item of that id belongs to, as far as it is one of ours."""
    return RESPONSE_PREFIX + item_id.partition("_")[2].partition("_")[0]


def referred_ids(items: Iterable[Item]) -> Sequence[str]:
    """The responses whose items are referred to, each once."""
    ids = [str(item.get("id")) for item in items if item["type"] == REFERENCE]
    return list(dict.fromkeys(map(response_of, ids)))


def resolved(items: Iterable[tuple[str, Item]], known: Mapping[str, Item]) -> list[tuple[str, Item]]:
    """The items with their places, each reference replaced by what it refers to; raises BadRequest."""
    return [(place, _resolved(item, place, known)) for place, item in items]


def _resolved(item: Item, place: str, known: Mapping[str, Item]) -> Item:
    if item["type"] != REFERENCE:
        return item
    found = known.get(str(item.get("id")))
    if found is None or found["type"] == REFERENCE:
        raise BadRequest(f"{place}: item with id '{item.get('id')}' not found; it was never kept, or its time is over")
    return found


def _typed(item: Any, place: str) -> Item:
    match item:
        case {"type": str(kind)} if kind:
            return dict(item)
        case {"type": kind} if kind is not None and kind != "":
            raise BadRequest(f"{place}: {unfit(kind, 'string', '.type')}")
        case {"role": str(role)} if role:
            return {**item, "type": "message"}
        case {"role": role} if role is not None and not isinstance(role, str):
            raise BadRequest(f"{place}: {unfit(role, 'string', '.role')}")
        case None | dict():
            raise BadRequest(f"{place}: input item missing required 'type' field")
        case _:
            raise BadRequest(f"{place}: {unfit(item, _ITEM)}")


def _with_id(item: Item, tag: str) -> Item:
    own = item.get("id")
    if isinstance(own, str) and own:
        return item
    return {"id": f"{_ID_PREFIXES.get(item['type'], 'item')}_{tag}", **{k: v for k, v in item.items() if k != "id"}}
