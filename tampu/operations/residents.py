"""What is loaded now."""

from dataclasses import replace

from tampu.descriptions import LoadedModel
from tampu.operations.services import Services
from tampu.scheduler.records import ResidentView
from tampu.units import NS_PER_S


def loaded_models(services: Services) -> list[LoadedModel]:
    """The loaded models, the last to expire first; those that expire in the same second in the order of loading."""
    return [_loaded(view) for view in sorted(services.scheduler.residents(), key=_expiry_s, reverse=True)]


def _expiry_s(view: ResidentView) -> float:
    return float("inf") if view.expires_ns is None else view.expires_ns // NS_PER_S


def _loaded(view: ResidentView) -> LoadedModel:
    return LoadedModel(
        name=view.name,
        digest=view.digest,
        size_bytes=view.placement.memory_bytes,
        gpu_bytes=view.placement.gpu_bytes,
        context_length=view.placement.num_ctx,
        expires_ns=view.expires_ns,
        # What was shown when it was stored is not repeated here: clients know these details without lengths.
        details=replace(view.details, parent_model="", context_length=0, embedding_length=0),
    )
