"""The places from which a model may be pulled, in the order in which they are tried, and words about those that failed.

A place is a registry or one of its mirrors, or a source of weights that the catalog knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tampu.errors import RegistryDenied, RegistryError, RegistryNotFound, RegistryUnreachable
from tampu.names import ModelName
from tampu.registry.catalog import CatalogModel, RegistrySource, WeightsSource
from tampu.registry.endpoint import Endpoint
from tampu.registry.pulls import Pulls


@dataclass(frozen=True, slots=True)
class RegistryPlace:
    """A registry; `label` is how people know it. `is_own`: the one that the name names, no mirror of it."""

    endpoint: Endpoint
    label: str
    is_own: bool


@dataclass(frozen=True, slots=True)
class WeightsPlace:
    """A source of weights; everything else of the model is in the catalog."""

    source: WeightsSource
    model: CatalogModel

    @property
    def label(self) -> str:
        """How the place is called."""
        return self.source.label


Place = RegistryPlace | WeightsPlace


@dataclass(frozen=True, slots=True)
class Failure:
    """A place, and why it did not do."""

    place: Place
    error: RegistryError


def places_of(pulls: Pulls, name: ModelName, *, insecure: bool) -> list[Place]:
    """Where to look for `name`, in order; raises InvalidName."""
    registries = _registries(pulls, name, insecure=insecure)
    known = pulls.catalog.find(name)
    if known is None:
        return registries
    places: list[Place] = []
    for source in known.sources:
        places += registries if isinstance(source, RegistrySource) else [WeightsPlace(source, known)]
    return places


def _registries(pulls: Pulls, name: ModelName, *, insecure: bool) -> list[Place]:
    own = Endpoint.of(name, insecure=insecure)
    return [
        RegistryPlace(endpoint, name.host if endpoint == own else endpoint.authority, is_own=endpoint == own)
        for endpoint in pulls.mirrors.endpoints(name, insecure=insecure)
    ]


def why(failure: Failure, name: ModelName) -> str:
    """Why the place did not do, in a few words."""
    match failure.error:
        case RegistryUnreachable():
            return f"{failure.place.label} is out of reach"
        case RegistryNotFound():
            return f"{failure.place.label} has no {name.short}"
        case error:
            return f"{failure.place.label} failed ({error.message})"


def all_failed(failures: Sequence[Failure]) -> RegistryError:
    """What the registry that the name names says, in words that clients know, and what else was tried."""
    main = next((each for each in failures if isinstance(each.place, RegistryPlace) and each.place.is_own), failures[0])
    others = [each for each in failures if each is not main]
    if not others:
        return main.error
    tried = "; ".join(f"{each.place.label}: {each.error}" for each in others)
    plain = {RegistryUnreachable, RegistryNotFound, RegistryDenied}
    kind = type(main.error) if type(main.error) in plain else RegistryError
    return kind(f"{main.error.message}; also tried {tried}")
