"""Files elsewhere that a stored model is made of: told when they are gone, or no longer what was imported."""

from pathlib import Path

from tampu.errors import CorruptBlob
from tampu.store.clone import is_lent
from tampu.store.model import Layer


def check_lent(layer: Layer, path: Path, size: int | None) -> None:
    """Raise CorruptBlob where the blob at `path` is a file elsewhere and not the layer's any more.

    `size`: bytes that are there now, None where nothing is. What is no file elsewhere is none of our business.
    """
    try:
        if size is None and path.is_symlink():
            name = path.readlink().name
            raise CorruptBlob(f"the file {name} is not where it was imported from; put it back, or remove the model")
        if size is not None and size != layer.size and is_lent(path):
            raise CorruptBlob(
                f"a file of the model was changed after it was imported: it has {size} bytes instead of {layer.size}; "
                "remove the model and import it again"
            )
    except OSError:
        return  # gone meanwhile: whoever needs it will say so
