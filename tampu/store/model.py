"""A stored model: its manifest read and understood, with the paths of its parts. Plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from tampu.messages import Message
from tampu.names import ModelName

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
LAYER_PREFIX = "application/vnd.ollama.image."


class Layer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One layer of a manifest (or its config): a media type and the blob that holds the content."""

    go_name: ClassVar = "manifest.Layer"

    media_type: str = msgspec.field(default="", name="mediaType")
    digest: str = ""
    size: Annotated[int, msgspec.Meta(title="int64")] = 0
    parent: str = msgspec.field(default="", name="from")
    name: str = ""

    @property
    def kind(self) -> str:
        """`model`, `template`, `params` ...: the media type without Ollama's prefix."""
        return self.media_type.removeprefix(LAYER_PREFIX)


class Manifest(msgspec.Struct, frozen=True):
    """What a name stands for: layers in order, and a config."""

    go_name: ClassVar = "manifest.Manifest"

    schema_version: int = msgspec.field(default=2, name="schemaVersion")
    media_type: str = msgspec.field(default=MANIFEST_TYPE, name="mediaType")
    config: Layer = msgspec.field(default_factory=Layer)
    layers: tuple[Layer, ...] = ()


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The config blob. Keys in the order in which they are written; empty optional ones are left out on disk."""

    model_format: str = ""
    model_family: str = ""
    model_families: tuple[str, ...] | None = None
    model_type: str = ""
    file_type: str = ""
    renderer: str = ""
    parser: str = ""
    requires: str = ""
    remote_host: str = ""
    remote_model: str = ""
    capabilities: tuple[str, ...] = ()
    context_length: int = 0
    embedding_length: int = 0
    base_name: str = ""
    draft: dict[str, object] | None = None
    architecture: str = "amd64"
    os: str = "linux"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A stored model, ready to be loaded or shown. Texts are read; weights are paths."""

    name: ModelName
    digest: str
    """Hex sha256 of the manifest's bytes: the model's ID."""
    modified_ns: int
    size_bytes: int
    manifest: Manifest
    config: ModelConfig
    weights: tuple[Path, ...] = ()
    projectors: tuple[Path, ...] = ()
    adapters: tuple[Path, ...] = ()
    drafts: tuple[Path, ...] = ()
    template: str | None = None
    system: str = ""
    parameters: Mapping[str, object]
    messages: tuple[Message, ...] = ()
    licenses: tuple[str, ...] = ()
    parent: str = ""
    """Short name of the model that this one was made from, by its weights layer; empty for one made from files."""

    @property
    def is_remote(self) -> bool:
        """A stub that runs on another host."""
        return bool(self.config.remote_host)
