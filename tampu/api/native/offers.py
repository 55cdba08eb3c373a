"""`GET /api/catalog`: what can be got by a short name, and the memory that it has to fit into. A route of ours."""

from tampu.api.dialect import JSON_UTF8, AnswerCodec, Reply
from tampu.api.native.errors import PLAIN, errors_of
from tampu.descriptions import Offers, Room
from tampu.wire import encode as encode_json


def _encode(_: None, offers: Offers) -> Reply:
    body = {
        "models": [{"name": offer.name, "size": offer.size_bytes} for offer in offers.models],
        "memory": _room(offers.memory),
        "devices": _room(offers.devices),
    }
    return Reply(200, encode_json(body), JSON_UTF8)


def _room(room: Room) -> dict[str, int]:
    return {"total": room.total_bytes, "available": room.available_bytes}


OFFERS_CODEC: AnswerCodec[None, Offers] = AnswerCodec(
    decode=lambda _: None, encode=_encode, encode_error=errors_of(PLAIN)
)
