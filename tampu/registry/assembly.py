"""Makes the small layers and the manifest of a catalog model whose weights are stored."""

from tampu.registry.catalog import CatalogModel
from tampu.store import go_json
from tampu.store.blobs import BlobStore
from tampu.store.locks import Pins
from tampu.store.model import CONFIG_TYPE, LAYER_PREFIX, Layer, Manifest


def assemble(model: CatalogModel, blobs: BlobStore, pins: Pins) -> Manifest:
    """Store everything of `model` but its weights; its manifest."""

    def layer(kind: str, content: bytes) -> Layer:
        blob = blobs.put_bytes(content, pins)
        return Layer(kind, blob.digest, blob.size)

    layers = [Layer(f"{LAYER_PREFIX}model", model.digest, model.size)]
    texts = [("template", model.template), ("system", model.system), *(("license", text) for text in model.licenses)]
    layers += [layer(f"{LAYER_PREFIX}{kind}", text.encode()) for kind, text in texts if text]
    if model.parameters:
        layers.append(layer(f"{LAYER_PREFIX}params", go_json.encode(model.parameters, sort_keys=True)))
    return Manifest(config=layer(CONFIG_TYPE, _config(model)), layers=tuple(layers))


def _config(model: CatalogModel) -> bytes:
    config = model.config
    return go_json.encode(
        {
            "model_format": config.model_format,
            "model_family": config.model_family,
            "model_families": config.model_families,
            "model_type": config.model_type,
            "file_type": config.file_type,
            "architecture": config.architecture,
            "os": config.os,
        }
    )
