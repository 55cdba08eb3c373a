"""In which types of numbers the engine computes with which tensors: with others it dies, be they sound. Pure."""

import re
from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.translate.shapes import trimmed
from tampu.gguf.translate.translation import Tensor, Translation

_UNUSED: Final = frozenset({"I8", "I16", "I32", "I64", "F64", "Q8_1", "Q8_K"})
"""Types that no tensor of a model has."""
_SINGLE: Final = frozenset({"F32"})
_UNPACKED: Final = frozenset({"F32", "F16"})
_ALWAYS_SINGLE: Final = re.compile(
    r"blk\.\d+\.(ssm_(conv1d\.weight|a|d|norm\.weight)|shortconv\.conv\.weight|ffn_\w+_exps\.bias)|v\.class_embd"
    r"|v\.sam\.(pos_embd|blk\.\d+\.attn\.pos_[hw])\.weight",
    re.ASCII,
)
_MULTIPLIED: Final = re.compile(r".*embd\.weight.*|(.+\.)?(ffn_gate_inp_shexp|cls|cls\.output)\.weight", re.ASCII)
"""Tables and weights, which may have a single row and are no vectors for that; published ones have halves."""
_FILTER: Final = 4
"""Dimensions of what is moved over a picture, or over sound."""
_PLACES: Final = "v.position_embd.weight"


def check_number_types(made: Translation) -> None:
    """Raise InvalidModelFile, naming the tensor, where numbers are packed as the engine does not take them there."""
    for name, tensor in made.tensors.items():
        label, wanted = tensor.type.label, _wanted(name, tensor)
        if label in _UNUSED or (wanted is not None and label not in wanted):
            text = f"has the type {label}" + (f", not {' or '.join(sorted(wanted))}" if wanted else "")
            raise InvalidModelFile(f'the tensor "{made.stored_name(name)}" {text}, which the engine cannot use')


def _wanted(name: str, tensor: Tensor) -> frozenset[str] | None:
    dimensions = len(trimmed(tensor.shape))
    # Vectors are added to what is computed, or multiplied with it, and both of these must be of one type.
    if (dimensions == 1 and not _MULTIPLIED.fullmatch(name)) or _ALWAYS_SINGLE.fullmatch(name):
        return _SINGLE
    return _UNPACKED if dimensions == _FILTER or name == _PLACES else None
