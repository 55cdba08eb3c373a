"""`GET /v1/models` and one of them: what is stored, in few words."""

from collections.abc import Sequence
from typing import Any

from tampu.api.dialect import JSON, AnswerCodec, Call, Reply
from tampu.api.openai.errors import LIST, MODEL, errors_of
from tampu.api.stored import summary_of
from tampu.api.words import check_reference
from tampu.descriptions import ModelSummary
from tampu.errors import BadRequest
from tampu.names import DEFAULT_NAMESPACE, ModelReference
from tampu.units import NS_PER_S
from tampu.wire import encode


def _decode_list(_: Call) -> None:
    return None


def _encode_list(_: None, models: Sequence[ModelSummary]) -> Reply:
    return Reply(200, encode({"object": "list", "data": [_described(model, model.name) for model in models]}), JSON)


def _decode_one(call: Call) -> str:
    name = call.parameters["model"]
    check_reference(name, MODEL)
    return name


def _encode_one(name: str, models: Sequence[ModelSummary]) -> Reply:
    """The model of that name in any letter case, called as it was asked for."""
    return Reply(200, encode(_described(summary_of(name, models), name)), JSON)


def _described(model: ModelSummary, name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": model.modified_ns // NS_PER_S, "owned_by": _owner(model.name)}


def _owner(name: str) -> str:
    try:
        return ModelReference.parse(name).name.namespace
    except BadRequest:
        return DEFAULT_NAMESPACE


LIST_CODEC: AnswerCodec[None, Sequence[ModelSummary]] = AnswerCodec(
    decode=_decode_list, encode=_encode_list, encode_error=errors_of(LIST)
)
MODEL_CODEC: AnswerCodec[str, Sequence[ModelSummary]] = AnswerCodec(
    decode=_decode_one, encode=_encode_one, encode_error=errors_of(MODEL)
)
