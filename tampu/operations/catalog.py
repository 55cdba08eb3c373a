"""The list of models, and giving them more and fewer names."""

from anyio import to_thread

from tampu.descriptions import ModelSummary
from tampu.errors import BadRequest, InvalidName, ModelNotFound
from tampu.management import CopyRequest, DeleteRequest
from tampu.names import ModelName, ModelReference
from tampu.operations.services import Services


async def list_models(services: Services) -> list[ModelSummary]:
    """Every model that can be read, newest first by the second, then by name."""
    return await to_thread.run_sync(services.library.summaries)


async def copy_model(services: Services, request: CopyRequest) -> None:
    """Give a stored model a second name; nothing happens where both names mean the same one.

    Suffixes such as `:local` are plain tags here. Raises BadRequest, ModelNotFound.
    """
    source, destination = _name("source", request.source), _name("destination", request.destination)
    await to_thread.run_sync(_copy, services, source, destination, request.source)


async def delete_model(services: Services, request: DeleteRequest) -> None:
    """Forget a name and what only it used; an engine that runs the model goes on. Raises BadRequest, ModelNotFound."""
    text = request.model
    if not text.strip():
        raise BadRequest("model is required")
    try:
        name = ModelReference.parse(text).stored_name
    except InvalidName:
        raise BadRequest(f'name "{text}" is invalid') from None
    try:
        await to_thread.run_sync(_delete, services, name)
    except ModelNotFound:
        raise ModelNotFound(text) from None


def _name(role: str, text: str) -> ModelName:
    try:
        return ModelName.parse(text)
    except InvalidName:
        raise BadRequest(f'{role} "{text}" is invalid') from None


def _copy(services: Services, source: ModelName, destination: ModelName, text: str) -> None:
    library = services.library
    source, destination = library.resolve(source), library.resolve(destination)
    if source == destination:
        return
    try:
        library.copy(source, destination, keep_unused=services.settings.no_prune)
    except ModelNotFound:
        raise ModelNotFound(text, f'model "{text}" not found') from None


def _delete(services: Services, name: ModelName) -> None:
    services.library.delete(services.library.resolve(name))
