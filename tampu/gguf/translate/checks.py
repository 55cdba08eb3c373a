"""Whether a translated file is complete, before an engine is started on it. Pure."""

from collections.abc import Iterable
from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.translate.facts import F32, items_of, kind_of, number_of
from tampu.gguf.translate.translation import Translation

_SIZES: Final = ("embedding_length", "attention.head_count", "feed_forward_length", "block_count", "projection_dim")
_COLOURS: Final = ("image_mean", "image_std")
_EPSILON: Final = "attention.layer_norm_epsilon"


def check_text(made: Translation) -> None:
    """Raise InvalidModelFile, naming the key or tensor, for a model that the engine would not take."""
    own = made.architecture
    for name in ("block_count", "embedding_length", "context_length"):
        made.require_number(f"{own}.{name}")


def check_projector(made: Translation) -> None:
    """The same for a projector. The engine does not survive a key of it that has the wrong type."""
    if _is_set(made, "clip.has_vision_encoder"):
        _check_encoder(made, "clip.vision.", (*_SIZES, "image_size", "patch_size"))
        for name in _COLOURS:
            _check_colours(made, f"clip.vision.{name}")
    if _is_set(made, "clip.has_audio_encoder"):
        _check_encoder(made, "clip.audio.", (*_SIZES, "num_mel_bins"))


def _check_encoder(made: Translation, prefix: str, sizes: Iterable[str]) -> None:
    for name in sizes:
        key = f"{prefix}{name}"
        if key not in made.facts:
            raise _missing(made, key)
        number = number_of(made.facts[key])
        if not isinstance(number, int) or number <= 0:
            raise InvalidModelFile(f'the key "{made.origins.get(key, key)}" must be a whole number above 0')
    if f"{prefix}{_EPSILON}" not in made.facts:
        raise _missing(made, f"{prefix}{_EPSILON}")


def _check_colours(made: Translation, key: str) -> None:
    if key not in made.facts:
        raise _missing(made, key)
    items = items_of(made.facts[key])
    if items is None or items.kind != F32 or items.count < 3:
        raise InvalidModelFile(f'the key "{made.origins.get(key, key)}" must be a list of three numbers')


def _missing(made: Translation, key: str) -> InvalidModelFile:
    return InvalidModelFile(f'the key "{made.origins.get(key, key)}" is missing')


def _is_set(made: Translation, key: str) -> bool:
    return key in made.facts and kind_of(made.facts[key]) != F32 and number_of(made.facts[key]) is True
