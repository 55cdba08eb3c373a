"""One of the stored models, by the name that a client gives. Pure."""

from collections.abc import Iterable

from tampu.descriptions import ModelSummary
from tampu.errors import ModelNotFound
from tampu.names import ModelReference


def summary_of(name: str, models: Iterable[ModelSummary]) -> ModelSummary:
    """The model of that name in any letter case; raises ModelNotFound with the name as it was given."""
    wanted = ModelReference.parse(name).name.short.casefold()
    found = next((model for model in models if model.name.casefold() == wanted), None)
    if found is None:
        raise ModelNotFound(name)
    return found
