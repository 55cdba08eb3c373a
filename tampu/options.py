"""The options of a run: one table of every key, how layers of them merge, and what they become.

An option is either needed to load a model (`LoadOptions`: changing one reloads it) or to sample from it (`Sampling`).
Layers are plain JSON objects (a model's stored parameters, a request's `options`); the later one wins, key by key.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from tampu.errors import InvalidParameter

_MOST_STRINGS: Final = 10_000
"""An engine looks for each of them behind each token, and everybody else waits meanwhile."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What makes a resident engine different from another one of the same weights. None: chosen automatically."""

    num_ctx: int | None = None
    num_batch: int | None = None
    num_gpu: int = -1
    main_gpu: int | None = None
    use_mmap: bool | None = None
    num_thread: int = 0
    draft_num_predict: int | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen, and when to stop. `num_predict` < 0: until the model stops; `seed` < 0: random."""

    num_keep: int = 4
    seed: int = -1
    num_predict: int = -1
    top_k: int = 40
    top_p: float = 0.9
    min_p: float = 0.0
    typical_p: float = 1.0
    repeat_last_n: int = 64
    temperature: float = 0.8
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    stop: tuple[str, ...] = ()
    logit_bias: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    """All layers merged and checked."""

    load: LoadOptions = field(default_factory=LoadOptions)
    sampling: Sampling = field(default_factory=Sampling)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _integer(key: str, value: object) -> int:
    if not _is_number(value):
        raise InvalidParameter(f'option "{key}" must be of type integer')
    return int(value)  # type: ignore[call-overload,no-any-return]  # a fraction is cut, as JSON numbers of clients are


def _int32(key: str, value: object) -> int:
    """As near as the engine, which counts in 32 bits, can come to it."""
    return max(-(2**31), min(_integer(key, value), 2**31 - 1))


def _number(key: str, value: object) -> float:
    if not _is_number(value):
        raise InvalidParameter(f'option "{key}" must be of type float32')
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:
        raise InvalidParameter(f'option "{key}" is out of range for float32') from None


def _boolean(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidParameter(f'option "{key}" must be of type boolean')
    return value


def _strings(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise InvalidParameter(f'option "{key}" must be of type array')
    if not all(isinstance(item, str) for item in value):
        raise InvalidParameter(f'option "{key}" must be of an array of strings')
    if len(distinct := tuple(dict.fromkeys(value))) > _MOST_STRINGS:
        raise InvalidParameter(f'option "{key}" has {len(distinct)} texts; at most {_MOST_STRINGS} are looked for')
    return distinct


OPTION_READERS: Mapping[str, Callable[[str, object], Any]] = {
    "num_ctx": _int32,
    "num_batch": _int32,
    "num_gpu": _int32,
    "main_gpu": _int32,
    "use_mmap": _boolean,
    "num_thread": _int32,
    "draft_num_predict": _int32,
    "num_keep": _int32,
    "seed": _integer,
    "num_predict": _int32,
    "top_k": _int32,
    "top_p": _number,
    "min_p": _number,
    "typical_p": _number,
    "repeat_last_n": _int32,
    "temperature": _number,
    "repeat_penalty": _number,
    "presence_penalty": _number,
    "frequency_penalty": _number,
    "stop": _strings,
}
_LOAD_KEYS = frozenset(f.name for f in fields(LoadOptions))


def merge_options(*layers: Mapping[str, object]) -> Options:
    """Merge `layers` over the defaults, the last one winning; raises InvalidParameter naming the option.

    A null leaves the layer below in force; unknown keys are left out (old clients send keys that no engine knows).
    """
    load: dict[str, Any] = {}
    sampling: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            reader = OPTION_READERS.get(key)
            if reader is None or value is None:
                continue
            (load if key in _LOAD_KEYS else sampling)[key] = reader(key, value)
    return Options(LoadOptions(**load), Sampling(**sampling))
