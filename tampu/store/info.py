"""The `info` of a create request: facts about a model that its files do not say, or say wrongly. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tampu.errors import BadRequest
from tampu.store.model import ModelConfig

_TEXTS: Final = {
    "model_family": "model_family",
    "base_name": "base_name",
    "quantization_level": "file_type",
    "parameter_size": "model_type",
}
_INT64: Final = 2**63
_NUMBERS: Final = ("context_length", "embedding_length")


def apply_info(config: ModelConfig, info: Mapping[str, object]) -> ModelConfig:
    """`config` with the facts of `info`; unknown ones are left out. Raises BadRequest for a value of a wrong kind."""
    changes: dict[str, Any] = {}
    capabilities = info.get("capabilities")
    if isinstance(capabilities, list):
        named = (item if isinstance(item, str) else "" for item in capabilities)
        changes["capabilities"] = (*config.capabilities, *named)
    changes |= {field: _text(key, info[key]) for key, field in _TEXTS.items() if key in info}
    changes |= {key: _count(key, info[key]) for key in _NUMBERS if key in info}
    if changes.get("model_family"):
        changes["model_families"] = (changes["model_family"],)
    return msgspec.structs.replace(config, **changes)


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise BadRequest(f'info field "{key}" must be a string')
    return value


def _count(key: str, value: object) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise BadRequest(f'info field "{key}" must be a number')
    if not 0 <= value < _INT64 or (isinstance(value, float) and not value.is_integer()):
        raise BadRequest(f'info field "{key}" must be a non-negative integer')
    return int(value)
