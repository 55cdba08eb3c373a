"""Small stores for tests: libraries, models made by hand, and the check that a store is whole."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from tampu.names import ModelName
from tampu.store import go_json
from tampu.store.draft import config_fields
from tampu.store.library import Library
from tampu.store.manifests import layers_of
from tampu.store.model import CONFIG_TYPE, LAYER_PREFIX, Layer, Manifest, ModelConfig
from tests.recordings import recorded_bytes


def name(text: str) -> ModelName:
    return ModelName.parse(text)


def weights() -> bytes:
    return recorded_bytes("store/models/a-f16.gguf")


class Clock:
    """A clock that only tests move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def library_in(folder: Path, *, recheck_s: float = 0.0, clock: Clock | None = None) -> Library:
    return Library(folder, recheck_s=recheck_s, clock=clock or Clock())


def put(library: Library, model: str, texts: Mapping[str, bytes], *, config: ModelConfig | None = None) -> Manifest:
    """Store a model with these layers, by kind, and let `model` stand for it."""
    manifest = manifest_of(library, texts, config=config)
    library.commit(name(model), manifest)
    return manifest


def manifest_of(library: Library, texts: Mapping[str, bytes], *, config: ModelConfig | None = None) -> Manifest:
    stored = library.blobs.put_bytes(go_json.encode(config_fields(config or ModelConfig(model_format="gguf"))))
    layers = []
    for kind, content in texts.items():
        blob = library.blobs.put_bytes(content)
        layers.append(Layer(f"{LAYER_PREFIX}{kind}", blob.digest, blob.size))
    return Manifest(config=Layer(CONFIG_TYPE, stored.digest, stored.size), layers=tuple(layers))


def damage_in(folder: Path) -> list[str]:
    """What is wrong with the store: manifests that name blobs that are missing, cut or changed."""
    library = library_in(folder)
    wrong = []
    for model in library.names():
        for layer in layers_of(library.read_manifest(model).manifest):
            path = library.layout.blob(layer.digest)
            if not path.exists():
                wrong.append(f"{model}: {layer.digest} is missing")
            elif f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" != layer.digest.replace("-", ":", 1):
                wrong.append(f"{model}: {layer.digest} is changed")
    return wrong


def blob_files(library: Library) -> set[str]:
    return {path.name for path in library.layout.blobs.iterdir()}
