"""A model in the making: layers taken over, replaced and added, a config that fits. Writes blobs, no manifest."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from tampu.errors import BadRequest, StoreError
from tampu.gguf.metadata import Facts
from tampu.gguf.shards import shard_of
from tampu.messages import Message
from tampu.names import ModelName
from tampu.store import go_json
from tampu.store.blobs import BlobStore
from tampu.store.loading import read_parameters
from tampu.store.locks import Pins
from tampu.store.model import CONFIG_TYPE, LAYER_PREFIX, Layer, Manifest, ModelConfig
from tampu.store.sources import BlobMissing, SourceModel

_LONGEST_PARAMETERS: Final = 32 << 20
FILE_KINDS: Final = frozenset({"model", "projector", "adapter", "draft"})
"""Layers that are GGUF files."""


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """What an architecture brings when the request does not say: a named renderer, a named parser, words to stop at."""

    renderer: str
    parser: str
    stop: tuple[str, ...] = ()


_NOTHING: Final = BuiltIn("", "")
_BUILT_IN: Final[Mapping[str, BuiltIn]] = {
    "gemma4": BuiltIn("gemma4", "gemma4", ("<turn|>",)),
    "laguna": BuiltIn("laguna", "laguna"),
    "nemotron_h": BuiltIn("nemotron-3-nano", "nemotron-3-nano"),
}


def built_in(architecture: str) -> BuiltIn:
    """What an architecture, or the family that its name begins with, brings."""
    family = "nemotron_h" if architecture.startswith("nemotron_h") else architecture
    return _BUILT_IN.get(family, _NOTHING)


def weights_groups(layers: Sequence[Layer]) -> list[list[Layer]]:
    """The weights layers, the shards of one model together: a shard keeps its file name in the layer."""
    groups: list[list[Layer]] = []
    for layer in layers:
        if layer.kind != "model":
            continue
        shard = shard_of(layer.name)
        if shard is not None and shard.index > 0 and groups:
            groups[-1].append(layer)
        else:
            groups.append([layer])
    return groups


def files_groups(layers: Sequence[Layer]) -> list[list[Layer]]:
    """The layers of files, each by itself but the shards of one model together, in the order of the first of each."""
    shards = {group[0].digest: group for group in weights_groups(layers)}
    groups = (shards.get(layer.digest, []) if layer.kind == "model" else [layer] for layer in layers)
    return [group for group in groups if group and group[0].kind in FILE_KINDS]


@dataclass(slots=True)
class Draft:
    """The layers so far. `pins` keeps every blob that is named from being deleted meanwhile."""

    blobs: BlobStore
    pins: Pins
    config: ModelConfig = field(default_factory=ModelConfig)
    layers: list[Layer] = field(default_factory=list)
    fresh: set[str] = field(default_factory=set)
    """Digests that are told as created rather than found."""

    # --- layers from elsewhere ---------------------------------------------------------------------------------------

    def inherit(self, parent: ModelName, manifest: Manifest) -> None:
        """Take over all layers of a stored model; raises StoreError where one is not stored."""
        for layer in manifest.layers:
            size = self._hold(layer.digest)
            self.layers.append(msgspec.structs.replace(layer, size=size, parent=parent.short))

    def add(self, model: SourceModel) -> None:
        """Add the layers of an uploaded file."""
        for layer in model.layers():
            self._hold(layer.digest)
            self.layers.append(layer)

    def _hold(self, digest: str) -> int:
        """Pin and touch a blob; its size."""
        try:
            path = self.blobs.path(digest)
        except BadRequest as error:
            raise StoreError(error.message) from None
        if not self.blobs.reuse(digest, self.pins):
            raise BlobMissing(digest, f"stat {path.name}: no such file or directory")
        return self.blobs.size(digest)

    # --- layers made here --------------------------------------------------------------------------------------------

    def set_text(self, kind: str, text: str, *, replacing: Iterable[str] = ()) -> None:
        """Replace the text of a kind; `replacing` names other kinds that go with it."""
        self.drop(kind, *replacing)
        self._append(kind, text.encode("utf-8", "replace"))

    def add_licenses(self, texts: Sequence[str]) -> None:
        """Append licences to those that are there, the same ones too."""
        for text in texts:
            self._append("license", text.encode("utf-8", "replace"))

    def set_parameters(self, wanted: Mapping[str, object]) -> None:
        """Merge options over those that are there, key by key. A layer of no options stays as it is."""
        merged = {**self.parameters(), **wanted}
        if merged:
            self.drop("params")
            self._append("params", go_json.encode(merged, sort_keys=True))

    def set_messages(self, messages: Sequence[Message]) -> None:
        """Replace the stored conversation."""
        self.drop("messages")
        self._append("messages", go_json.encode([message_fields(message) for message in messages]))

    def parameters(self) -> dict[str, Any]:
        """The options of the layers so far; raises StoreError."""
        merged: dict[str, Any] = {}
        for layer in self.layers:
            if layer.kind == "params":
                content = self.blobs.read(layer.digest, limit=_LONGEST_PARAMETERS)
                merged |= _understood(content, layer)
        return merged

    def replace(self, group: Sequence[Layer], layer: Layer) -> None:
        """Put one layer in the place of a group of them that stand side by side."""
        at = self.layers.index(group[0])
        self.layers[at : at + len(group)] = [layer]

    def drop(self, *kinds: str) -> None:
        """Take the layers of these kinds out."""
        self.layers = [layer for layer in self.layers if layer.kind not in kinds]

    def _append(self, kind: str, content: bytes) -> None:
        stored = self.blobs.put_bytes(content, self.pins)
        if stored.is_new:
            self.fresh.add(stored.digest)
        self.layers.append(Layer(media_type=f"{LAYER_PREFIX}{kind}", digest=stored.digest, size=stored.size))

    # --- the config --------------------------------------------------------------------------------------------------

    def describe_weights(self, facts: Facts, label: str) -> None:
        """Let the config say what the weights are; what it says already stays, families add up."""
        config = self.config
        brings = built_in(facts.architecture)
        self.config = msgspec.structs.replace(
            config,
            model_format=config.model_format or "gguf",
            model_family=config.model_family or facts.architecture,
            model_families=(*(config.model_families or ()), facts.architecture),
            model_type=config.model_type or label,
            file_type=config.file_type or facts.quantization_label,
            renderer=config.renderer or brings.renderer,
            parser=config.parser or brings.parser,
        )

    def describe_draft(self, architecture: str) -> None:
        """Let the config say what the draft model is."""
        self.config = msgspec.structs.replace(self.config, draft={"model_format": "gguf", "architecture": architecture})

    def manifest(self) -> Manifest:
        """Store the config; the manifest of all this."""
        stored = self.blobs.put_bytes(go_json.encode(config_fields(self.config)), self.pins)
        config = Layer(media_type=CONFIG_TYPE, digest=stored.digest, size=stored.size)
        return Manifest(config=config, layers=tuple(self.layers))


def _understood(content: bytes, layer: Layer) -> dict[str, Any]:
    try:
        return read_parameters(content)
    except BadRequest as error:
        raise StoreError(
            f"the params layer {layer.digest} is damaged: {error.message.removeprefix('json: ')}"
        ) from None


_ALWAYS: Final = ("model_format", "model_family", "model_families", "model_type", "file_type", "architecture", "os")


def config_fields(config: ModelConfig) -> dict[str, object]:
    """The fields of a config blob in order; the main ones always, the others where they say something."""
    return {name: value for name in config.__struct_fields__ if (value := getattr(config, name)) or name in _ALWAYS}


def message_fields(message: Message) -> dict[str, object]:
    """The fields of a stored message in order; role and content always, the others where they say something."""
    plain = msgspec.to_builtins(message)
    fields: dict[str, object] = {"role": message.role, "content": message.content}
    if message.thinking:
        fields["thinking"] = message.thinking
    if message.images:
        fields["images"] = plain["images"]
    if message.tool_calls:
        fields["tool_calls"] = [_call_fields(call) for call in plain["tool_calls"]]
    if message.tool_name:
        fields["tool_name"] = message.tool_name
    if message.tool_call_id:
        fields["tool_call_id"] = message.tool_call_id
    return fields


def _call_fields(call: dict[str, Any]) -> dict[str, object]:
    function = call["function"]
    ordered = {"index": function["index"], "name": function["name"], "arguments": function["arguments"]}
    return {**({"id": call["id"]} if call["id"] else {}), "function": ordered}
