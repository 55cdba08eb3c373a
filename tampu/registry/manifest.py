"""Understands a manifest that a registry sent, and trusts nothing in it."""

import re

from tampu.errors import RegistryError
from tampu.registry.documents import read_json
from tampu.store.manifests import layers_of
from tampu.store.model import Manifest

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


def read_manifest(content: bytes) -> Manifest:
    """The manifest, every digest well-formed and every size possible; raises RegistryError."""
    try:
        manifest = read_json(Manifest, content)
    except RegistryError as error:
        raise RegistryError(f"pull model manifest: {error}") from None
    for layer in layers_of(manifest):
        if not _DIGEST.fullmatch(layer.digest):
            raise RegistryError("invalid digest format")
        if not 0 <= layer.size < 1 << 63:
            raise RegistryError(f"pull model manifest: impossible size {layer.size} of {layer.digest}")
    if any(layer.kind == "tensor" for layer in manifest.layers):
        raise RegistryError("this model requires MLX support, but the MLX runtime is not available")
    return manifest
