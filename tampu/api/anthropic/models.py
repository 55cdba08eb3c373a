"""`GET /v1/models` and one of them, for clients that speak Anthropic's dialect: what is stored, in pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tampu.api.anthropic.errors import MODELS, errors_of, new_request_id
from tampu.api.dialect import JSON, AnswerCodec, Call, Reply
from tampu.api.query import query_fields, whole_number
from tampu.api.stored import summary_of
from tampu.api.words import check_reference
from tampu.descriptions import ModelSummary
from tampu.errors import BadRequest
from tampu.units import NS_PER_S
from tampu.wire import encode

_MOST = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the list is wanted: at most `limit` models, those behind `after` or those in front of `before`."""

    limit: int = _MOST
    after: str = ""
    before: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class One:
    """The model of which is asked."""

    name: str
    request_id: str = ""


def _decode_list(call: Call) -> Page:
    told = query_fields(call.query)
    limit = whole_number(told["limit"]) if told.get("limit") else _MOST
    if limit is None or not 1 <= limit <= _MOST:
        raise BadRequest(f"limit must be between 1 and {_MOST}")
    return Page(limit, told.get("after_id", ""), told.get("before_id", ""), call.request_id)


def _encode_list(page: Page, models: Sequence[ModelSummary]) -> Reply:
    names = [model.name for model in models]
    start = _place(names, page.after) + 1 if page.after else 0
    end = _place(names, page.before) if page.before else len(names)
    if page.before:
        start = max(start, end - page.limit)
        shown, has_more = models[start:end], start > 0
    else:
        shown, has_more = models[start : start + page.limit], start + page.limit < len(names)
    told = {
        "data": [_described(model, model.name) for model in shown],
        "has_more": has_more,
        "first_id": shown[0].name if shown else None,
        "last_id": shown[-1].name if shown else None,
    }
    return _reply(told, page.request_id)


def _place(names: Sequence[str], name: str) -> int:
    if name not in names:
        raise BadRequest(f"there is no model {name[:200]} to count from")
    return names.index(name)


def _decode_one(call: Call) -> One:
    name = call.parameters["model"]
    check_reference(name, MODELS)
    return One(name, call.request_id)


def _encode_one(asked: One, models: Sequence[ModelSummary]) -> Reply:
    """The model of that name in any letter case, called as it was asked for."""
    return _reply(_described(summary_of(asked.name, models), asked.name), asked.request_id)


def _described(model: ModelSummary, name: str) -> dict[str, Any]:
    created = datetime.fromtimestamp(model.modified_ns // NS_PER_S, UTC)
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": created.isoformat().replace("+00:00", "Z"),
        "lifecycle": "active",
        "max_input_tokens": model.details.context_length or None,
    }


def _reply(told: object, request_id: str) -> Reply:
    return Reply(200, encode(told), JSON, (("request-id", new_request_id(request_id)),))


LIST_CODEC: AnswerCodec[Page, Sequence[ModelSummary]] = AnswerCodec(
    decode=_decode_list, encode=_encode_list, encode_error=errors_of(MODELS)
)
MODEL_CODEC: AnswerCodec[One, Sequence[ModelSummary]] = AnswerCodec(
    decode=_decode_one, encode=_encode_one, encode_error=errors_of(MODELS)
)
