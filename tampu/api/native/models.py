"""What Ollama's routes say of models: `GET /api/tags`, `GET /api/ps`, `POST /api/show`."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from tampu.api.dialect import JSON_UTF8, AnswerCodec, Call, Reply
from tampu.api.native.errors import PLAIN, SHOW, errors_of
from tampu.api.native.members import given
from tampu.api.words import check_reference
from tampu.descriptions import LoadedModel, ModelDescription, ModelDetails, ModelSummary, Origin
from tampu.management import ShowRequest
from tampu.messages import Message
from tampu.units import FOREVER_NS, format_timestamp
from tampu.wire import decode as decode_json
from tampu.wire import encode as encode_json

# Copilot takes the name of the model that it shows from this key; it names itself so.
_COPILOT = "GitHubCopilotChat/"


class _ShowBody(msgspec.Struct):
    go_name: ClassVar = "ShowRequest"

    model: str = ""
    name: str = ""
    verbose: bool = False
    system: str = ""
    # Changes nothing any more, but has to be a text.
    template: str = ""
    options: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class ShowCall:
    """A request to show a model, and whether Copilot sent it."""

    request: ShowRequest
    is_copilot: bool = False


def _no_request(_: Call) -> None:
    return None


def _encode_tags(_: None, models: Sequence[ModelSummary]) -> Reply:
    return Reply(200, encode_json({"models": [_summary(model) for model in models]}), JSON_UTF8)


def _summary(model: ModelSummary) -> dict[str, Any]:
    lengths = given(context_length=model.details.context_length, embedding_length=model.details.embedding_length)
    return {
        "name": model.name,
        "model": model.name,
        **given(remote_model=model.remote_model, remote_host=model.remote_host),
        "modified_at": format_timestamp(model.modified_ns, utc=False),
        "size": model.size_bytes,
        "digest": model.digest,
        "details": {**_details(model.details), **lengths},
        **given(capabilities=[capability.value for capability in model.capabilities]),
    }


def _details(details: ModelDetails) -> dict[str, Any]:
    return {
        "parent_model": details.parent_model,
        "format": details.format,
        "family": details.family,
        "families": details.families,
        "parameter_size": details.parameter_size,
        "quantization_level": details.quantization_level,
    }


def _encode_ps(_: None, models: Sequence[LoadedModel]) -> Reply:
    return Reply(200, encode_json({"models": [_loaded(model) for model in models]}), JSON_UTF8)


def _loaded(model: LoadedModel) -> dict[str, Any]:
    # "For ever" is a moment that is as far away as Ollama's clock can say.
    expires_ns = time.time_ns() + FOREVER_NS if model.expires_ns is None else model.expires_ns
    return {
        "name": model.name,
        "model": model.name,
        "size": model.size_bytes,
        "digest": model.digest,
        "details": {**_details(model.details), "parent_model": ""},
        "expires_at": format_timestamp(expires_ns, utc=False),
        "size_vram": model.gpu_bytes,
        "context_length": model.context_length,
        **given(note=model.note),
    }


def _decode_show(call: Call) -> ShowCall:
    body = decode_json(_ShowBody, call.body)
    name = body.model or body.name
    check_reference(name, SHOW)
    request = ShowRequest(model=name, verbose=body.verbose, system=body.system, options=body.options)
    return ShowCall(request, call.user_agent.startswith(_COPILOT))


def _encode_show(call: ShowCall, model: ModelDescription) -> Reply:
    info = dict(model.model_info)
    if call.is_copilot:
        info["general.basename"] = call.request.model
    answer = {
        **given(license=model.license),
        "modelfile": model.modelfile,
        **given(parameters=model.parameters, template=model.template, system=model.system),
        "details": _details(model.details),
        **given(
            messages=[_message(message) for message in model.messages],
            remote_model=model.remote_model,
            remote_host=model.remote_host,
        ),
        "model_info": info,
        **given(
            projector_info=model.projector_info,
            tensors=[{"name": item.name, "type": item.type, "shape": item.shape} for item in model.tensors],
            capabilities=[capability.value for capability in model.capabilities],
        ),
        "modified_at": format_timestamp(model.modified_ns, utc=False),
        **given(requires=model.requires, origin=_origin(model.origin)),
    }
    return Reply(200, encode_json(answer), JSON_UTF8)


def _origin(origin: Origin | None) -> dict[str, str]:
    return {} if origin is None else {"kind": origin.kind.value, "place": origin.place}


def _message(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}


TAGS_CODEC: AnswerCodec[None, Sequence[ModelSummary]] = AnswerCodec(
    decode=_no_request, encode=_encode_tags, encode_error=errors_of(PLAIN)
)
PS_CODEC: AnswerCodec[None, Sequence[LoadedModel]] = AnswerCodec(
    decode=_no_request, encode=_encode_ps, encode_error=errors_of(PLAIN)
)
SHOW_CODEC: AnswerCodec[ShowCall, ModelDescription] = AnswerCodec(
    decode=_decode_show, encode=_encode_show, encode_error=errors_of(SHOW)
)
