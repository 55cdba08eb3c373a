"""From the name in a request to the stored model that it means."""

from tampu.errors import Forbidden, ModelNotFound
from tampu.names import ModelReference, Source
from tampu.operations.services import Services
from tampu.store.model import Model


async def find_model(services: Services, text: str) -> Model:
    """The stored model that `text` names; raises ModelNotFound with the text as sent, InvalidName, Forbidden."""
    reference = ModelReference.parse(text)
    if not reference.base:
        raise ModelNotFound(text)
    try:
        model = await services.library.find(reference.stored_name)
    except ModelNotFound:
        raise ModelNotFound(text) from None
    if reference.source is Source.LOCAL and model.is_remote:
        raise ModelNotFound(text)
    return model


def require_local(model: Model) -> None:
    """Refuse a model that runs on another host; raises Forbidden."""
    if model.is_remote:
        host = model.config.remote_host
        raise Forbidden(f"remote models are not supported: '{model.name.short}' runs on {host}; pull a local model")
