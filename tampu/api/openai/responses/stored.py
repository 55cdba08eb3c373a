"""`/v1/responses/:id`: a kept response, what was asked in it, and its end."""

from dataclasses import dataclass
from typing import Any

import msgspec

from tampu.api.dialect import JSON, AnswerCodec, Call, Reply
from tampu.api.openai.responses.errors import response_error
from tampu.api.openai.responses.items import Item, listed
from tampu.api.query import query_fields, whole_number
from tampu.errors import InvalidParameter
from tampu.responses import KeptResponse
from tampu.wire import encode

_MOST_ITEMS = 100
_USUAL_ITEMS = 20
_ORDERS = ("asc", "desc")
_LONG_BYTES = 256 * 1024
"""Longer lists are read and written in a thread."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the items of a response, from its end on where it is not `ascending`; `after`: an item's id, or ""."""

    id: str
    limit: int = _USUAL_ITEMS
    ascending: bool = False
    after: str = ""


def _decode(call: Call) -> str:
    return call.parameters["id"]


def _decode_get(call: Call) -> str:
    if query_fields(call.query).get("stream") in {"true", "1"}:
        raise InvalidParameter("stream is not supported here: a kept response is answered whole")
    return call.parameters["id"]


def _decode_page(call: Call) -> Page:
    query = query_fields(call.query)
    limit = whole_number(query["limit"]) if query.get("limit") else _USUAL_ITEMS
    if limit is None or not 1 <= limit <= _MOST_ITEMS:
        raise InvalidParameter(f"limit must be between 1 and {_MOST_ITEMS}")
    order = query.get("order") or "desc"
    if order not in _ORDERS:
        raise InvalidParameter('order must be "asc" or "desc"')
    return Page(call.parameters["id"], limit, order == "asc", query.get("after", ""))


def _encode(_: str, kept: KeptResponse) -> Reply:
    return Reply(200, kept.document, JSON)


def _encode_removed(response_id: str, _: None) -> Reply:
    return Reply(200, encode({"id": response_id, "object": "response", "deleted": True}), JSON)


def _encode_page(page: Page, kept: KeptResponse) -> Reply:
    items = msgspec.json.decode(kept.items, type=list[dict[str, Any]])
    ordered = items if page.ascending else items[::-1]
    start = _behind(ordered, page.after)
    shown = [listed(item) for item in ordered[start : start + page.limit]]
    told = {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": start + page.limit < len(ordered),
    }
    return Reply(200, encode(told), JSON)


def _behind(items: list[Item], after: str) -> int:
    if not after:
        return 0
    places = [number for number, item in enumerate(items) if item["id"] == after]
    if not places:
        raise InvalidParameter(f"after names no item of this response: '{after}'")
    return places[0] + 1


GET_CODEC: AnswerCodec[str, KeptResponse] = AnswerCodec(decode=_decode_get, encode=_encode, encode_error=response_error)
DELETE_CODEC: AnswerCodec[str, None] = AnswerCodec(decode=_decode, encode=_encode_removed, encode_error=response_error)
CANCEL_CODEC: AnswerCodec[str, KeptResponse] = AnswerCodec(decode=_decode, encode=_encode, encode_error=response_error)
ITEMS_CODEC: AnswerCodec[Page, KeptResponse] = AnswerCodec(
    decode=_decode_page,
    encode=_encode_page,
    encode_error=response_error,
    is_long=lambda kept: len(kept.items) > _LONG_BYTES,
)
