"""Whether weights can be made smaller as a request asks."""

from typing import Final

from tampu.errors import StoreError

_TARGETS: Final = frozenset({"F32", "F16", "BF16", "Q8_0", "Q4_K_S", "Q4_K_M"})
_SOURCES: Final = frozenset({"F16", "BF16", "F32"})
_TOLD: Final = "F32, F16, Q4_K_S, Q4_K_M, Q8_0"


def wanted_quantization(wanted: str, label: str, *, is_draft: bool = False) -> str:
    """What weights with this label are to become; empty where they stay as they are. Raises StoreError in words."""
    if not wanted:
        return ""
    target = {"Q4_K": "Q4_K_M"}.get(wanted.upper(), wanted.upper())
    if target not in _TARGETS:
        raise StoreError(f"unsupported quantization type {target} - supported types are {_TOLD}")
    if label not in _SOURCES:
        if is_draft:
            raise StoreError(f"draft quantization requires an unquantized draft model, got {label}")
        raise StoreError("quantization is only supported for F16, BF16 and F32 models")
    return target if target != label else ""
