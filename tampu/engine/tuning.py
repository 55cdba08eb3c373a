"""What was measured to be best for one model, on one processor, with one engine: kept in a file, heeded at each load.

What a user says wins: a setting, an option of the request, or what is set for the model alone.
"""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from tampu.config import Settings
from tampu.engine.abilities import Program
from tampu.engine.reuse import file_stamp
from tampu.engine.selection import replace_file
from tampu.engine.shelf import fingerprint_of
from tampu.engine.spec import EngineSpec, Placement
from tampu.hardware.devices import compute_threads
from tampu.hardware.processor import processor
from tampu.wire import encode

_PLAIN_CACHE: Final = "f16"


class Tuning(msgspec.Struct, frozen=True, omit_defaults=True):
    """The values that differ from the usual ones; None: as usual."""

    threads: int | None = None
    computed_batch: int | None = None
    flash_attention: bool | None = None
    kv_cache_type: str | None = None
    speculation: bool | None = None


NOTHING_TUNED: Final = Tuning()


def tuning_path(spec: EngineSpec, program: Program, settings: Settings) -> Path:
    """The file for this model, processor and engine; any of them changed, it is another one. Reads the disk."""
    files = [file_stamp(path) for path in spec.shard_paths or (spec.model_path,)]
    machine = processor().fingerprint, compute_threads()
    return settings.home / "tuned" / f"{fingerprint_of([program.identity, *machine, *files])}.json"


def read_tuning(path: Path) -> Tuning:
    """What the file says; nothing where there is none, or none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Tuning)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return NOTHING_TUNED


def write_tuning(path: Path, tuning: Tuning) -> None:
    """Keep it; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    replace_file(path, encode(tuning))


def forget_tuning(path: Path) -> None:
    """Let the usual values hold again."""
    with suppress(FileNotFoundError):
        path.unlink()


def tuned(spec: EngineSpec, placement: Placement, tuning: Tuning, settings: Settings) -> tuple[EngineSpec, Placement]:
    """How to load instead. Pure."""
    if placement.is_final:
        return spec, placement
    speculation = tuning.speculation if spec.speculation is None and not settings.speculation else spec.speculation
    is_free = spec.flash_attention is None and settings.flash_attention is None
    flash = tuning.flash_attention if is_free else placement.flash_attention
    is_plain = spec.kv_cache_type is None and placement.kv_cache_type == _PLAIN_CACHE and flash is not False
    chosen = replace(
        placement,
        threads=spec.num_thread or tuning.threads or placement.threads,
        computed_batch=0 if spec.num_batch else tuning.computed_batch or placement.computed_batch,
        flash_attention=flash,
        kv_cache_type=(is_plain and tuning.kv_cache_type) or placement.kv_cache_type,
    )
    return replace(spec, speculation=speculation), chosen
