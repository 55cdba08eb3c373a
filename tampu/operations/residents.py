"""What is loaded now."""

from dataclasses import replace

from tampu.descriptions import LoadedModel
from tampu.engine.spec import Placement
from tampu.errors import InvalidName, ModelNotFound, StoreError
from tampu.names import ModelReference
from tampu.operations.services import Services
from tampu.scheduler.records import ResidentView
from tampu.store.library import Library
from tampu.units import NS_PER_S


async def loaded_models(services: Services) -> list[LoadedModel]:
    """The loaded models, the last to expire first; those that expire in the same second in the order of loading."""
    views = sorted(services.scheduler.residents(), key=_expiry_s, reverse=True)
    return [_loaded(view, await _digest(services.library, view)) for view in views]


async def _digest(library: Library, view: ResidentView) -> str:
    """The model's ID as a list shows it now: one that was created anew on the same weights is still loaded."""
    try:
        stored = await library.find(ModelReference.parse(view.name).stored_name)
    except (ModelNotFound, InvalidName, StoreError):
        return view.digest
    return stored.digest if view.key in map(str, stored.weights[:1]) else view.digest


def _expiry_s(view: ResidentView) -> float:
    return float("inf") if view.expires_ns is None else view.expires_ns // NS_PER_S


def _loaded(view: ResidentView, digest: str) -> LoadedModel:
    return LoadedModel(
        name=view.name,
        digest=digest,
        size_bytes=view.placement.memory_bytes,
        gpu_bytes=view.placement.gpu_bytes,
        context_length=view.placement.num_ctx,
        expires_ns=view.expires_ns,
        # What was shown when it was stored is not repeated here: clients know these details without lengths.
        details=replace(view.details, parent_model="", context_length=0, embedding_length=0),
        note=_told(view.refused, view.placement) if view.refused else "",
    )


def _told(refused: Placement, given: Placement) -> str:
    """Why a model has less than it would usually have."""
    return f"memory ran out with {_sizes(refused)} while it was loaded; it has {_sizes(given)}"


def _sizes(placement: Placement) -> str:
    requests = f"{placement.slots} requests at once" if placement.slots > 1 else "one request at a time"
    return f"{requests} of {placement.num_ctx} tokens"
