"""From a manifest to a `Model`: reads the small blobs, leaves weights as paths. Holds no state."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from tampu import wire
from tampu.errors import BadRequest, BlobNotFound, CorruptManifest, ModelNotFound, TampuError
from tampu.gguf.shards import shard_of
from tampu.messages import Message
from tampu.names import ModelName
from tampu.store.blobs import BlobStore
from tampu.store.manifests import ReadManifest, layers_of
from tampu.store.model import Layer, Model, ModelConfig

T = TypeVar("T")

_LONGEST_TEXT: Final = 32 << 20
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Parts:
    """What the layers of a manifest hold, gathered in their order."""

    paths: dict[str, list[Path]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    licenses: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    parent: str = ""


_PATH_KINDS: Final = frozenset({"model", "projector", "adapter", "draft"})
_TEXT_KINDS: Final = {"template": "template", "prompt": "template", "system": "system"}
"""`prompt` is what early manifests call a template."""


def load_model(name: ModelName, read: ReadManifest, blobs: BlobStore) -> Model:
    """The model that a manifest describes; a later layer of a kind that occurs once replaces an earlier one.

    Raises ModelNotFound where the config or a text is not stored (a half-present model is treated as absent),
    CorruptManifest where the manifest or the config cannot be understood. Weights are not looked at.
    """
    try:
        return _load(name, read, blobs)
    except BlobNotFound as error:
        _log.warning("%s counts as absent: %s; pull or create it again", name.short, error.message)
        raise ModelNotFound(name.short) from error


def load_for_list(name: ModelName, read: ReadManifest, blobs: BlobStore) -> Model | None:
    """As `load_model`, but damaged layers hide no entry and count as left out; None without a readable config."""
    try:
        config = _read_config(read.manifest.config, blobs)
    except TampuError as error:
        _log.warning("%s is not listed: %s", name.short, error)
        return None
    parts = _Parts()
    for layer in read.manifest.layers:
        try:
            _take_path(layer, parts, blobs)
            if layer.kind in _TEXT_KINDS:
                _take_text(layer, parts, blobs)
        except TampuError as error:
            _log.debug("%s is listed although a layer is damaged: %s", name.short, error)
    return _model(name, read, config, parts)


def _load(name: ModelName, read: ReadManifest, blobs: BlobStore) -> Model:
    parts = _Parts()
    try:
        config = _read_config(read.manifest.config, blobs)
        for layer in read.manifest.layers:
            _take_path(layer, parts, blobs)
            _take_text(layer, parts, blobs)
            _take_json(layer, parts, blobs)
    except BadRequest as error:
        raise CorruptManifest(error.message) from error
    return _model(name, read, config, parts)


def _take_path(layer: Layer, parts: _Parts, blobs: BlobStore) -> None:
    path = blobs.path(layer.digest)
    if layer.kind == "model":
        parts.parent = layer.parent
        shard = shard_of(layer.name)
        if shard is None or shard.index == 0:
            parts.paths["model"] = []  # of several weights the last ones are run
    if layer.kind in _PATH_KINDS:
        parts.paths.setdefault(layer.kind, []).append(path)


def _take_text(layer: Layer, parts: _Parts, blobs: BlobStore) -> None:
    if layer.kind in _TEXT_KINDS:
        parts.texts[_TEXT_KINDS[layer.kind]] = _read_text(layer, blobs)
    elif layer.kind == "license":
        parts.licenses.append(_read_text(layer, blobs))


def _take_json(layer: Layer, parts: _Parts, blobs: BlobStore) -> None:
    match layer.kind:
        case "params":
            parts.parameters = _read_json(layer, blobs, read_parameters)
        case "messages":
            parts.messages = _read_json(layer, blobs, read_messages)


def _read_text(layer: Layer, blobs: BlobStore) -> str:
    return blobs.read(layer.digest, limit=_LONGEST_TEXT).decode("utf-8", "replace")


def _read_json(layer: Layer, blobs: BlobStore, read: Callable[[bytes], T]) -> T:
    try:
        return read(blobs.read(layer.digest, limit=_LONGEST_TEXT))
    except BadRequest as error:
        raise CorruptManifest(f"the {layer.kind} layer {layer.digest} is damaged: {_reason(error)}") from None


def read_parameters(content: bytes) -> dict[str, Any]:
    """The options of a params layer; raises BadRequest."""
    return wire.decode(dict[str, Any], content)


def read_messages(content: bytes) -> tuple[Message, ...]:
    """The messages of a messages layer; raises BadRequest."""
    value = wire.parse(content)
    return tuple(wire.convert(list[Message], value if value is not None else []))


def read_config(digest: str, blobs: BlobStore) -> ModelConfig:
    """The config blob; raises BlobNotFound, CorruptManifest."""
    content = blobs.read(digest, limit=_LONGEST_TEXT)
    try:
        return wire.decode(ModelConfig, content)
    except BadRequest as error:
        raise CorruptManifest(f"the config {digest} is damaged: {_reason(error)}") from None


def _read_config(layer: Layer, blobs: BlobStore) -> ModelConfig:
    """A manifest without a config (an empty object) describes nothing, which is no damage."""
    return read_config(layer.digest, blobs) if layer.digest else ModelConfig()


def _reason(error: BadRequest) -> str:
    return error.message.removeprefix("json: ")


def _model(name: ModelName, read: ReadManifest, config: ModelConfig, parts: _Parts) -> Model:
    return Model(
        name=name,
        digest=read.digest,
        modified_ns=read.stamp.modified_ns,
        size_bytes=sum(layer.size for layer in layers_of(read.manifest)),
        manifest=read.manifest,
        config=config,
        weights=tuple(parts.paths.get("model", ())),
        projectors=tuple(parts.paths.get("projector", ())),
        adapters=tuple(parts.paths.get("adapter", ())),
        drafts=tuple(parts.paths.get("draft", ())),
        template=parts.texts.get("template"),
        system=parts.texts.get("system", ""),
        parameters=parts.parameters,
        messages=parts.messages,
        licenses=tuple(parts.licenses),
        parent=parts.parent,
    )
