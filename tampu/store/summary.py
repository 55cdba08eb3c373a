"""What lists say of a model: its short facts, from its config and the header of its weights. Pure."""

from collections.abc import Callable
from pathlib import Path

from tampu.descriptions import ModelDetails, ModelSummary
from tampu.gguf.header import Header
from tampu.gguf.metadata import Facts, facts_of
from tampu.store.capabilities import list_capabilities, sources_of
from tampu.store.model import Model


def summarise(model: Model, header_of: Callable[[Path], Header | None]) -> ModelSummary:
    """The list entry of a model. `header_of` answers None for weights that cannot be read: they hide no entry."""
    header = header_of(model.weights[0]) if model.weights else None
    facts = facts_of(header) if header is not None else None
    return ModelSummary(
        name=model.name.short,
        digest=model.digest,
        size_bytes=model.size_bytes,
        modified_ns=model.modified_ns,
        details=details_of(model, facts),
        capabilities=list_capabilities(sources_of(model, facts, [None] * len(model.projectors))),
        remote_model=model.config.remote_model,
        remote_host=model.config.remote_host,
    )


def details_of(model: Model, facts: Facts | None) -> ModelDetails:
    """The short facts; lengths of the config win over those of the weights."""
    config = model.config
    return ModelDetails(
        parent_model=model.parent,
        format=config.model_format,
        family=config.model_family,
        families=config.model_families,
        parameter_size=config.model_type,
        quantization_level=config.file_type,
        context_length=config.context_length or (facts.context_length if facts else 0),
        embedding_length=config.embedding_length or (facts.embedding_length if facts else 0),
    )
