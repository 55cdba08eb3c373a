"""What an engine may take from earlier requests: prompts in memory and on disk, and guesses that have paid."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tampu.config import Settings
from tampu.engine.abilities import Program
from tampu.engine.parameters import Parameter
from tampu.engine.shelf import Shelf, fingerprint_of
from tampu.engine.spec import EngineSpec, Placement
from tampu.engine.speculation import Payoff, Payoffs, guessing_parameters

_MIB: Final = 1 << 20
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reuse:
    """How one engine is started in this regard. `shares`: whether requests may use what is left of others' prompts.

    `guesses`: whether it guesses from what it has read and written. `fingerprint`: what the state of a prompt must have
    in common with the engine; meaningful with a shelf only.
    """

    shares: bool = True
    guesses: bool = False
    payoff: Payoff | None = None
    shelf: Shelf | None = None
    fingerprint: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


NO_REUSE: Final = Reuse()


def shelf_in(settings: Settings) -> Shelf:
    """Where long prompts are kept, if they are; what an earlier server kept lies there in any case."""
    return Shelf(settings.home / "prompts", settings.prompt_cache_mib * _MIB)


def reuse_of(spec: EngineSpec, placement: Placement, settings: Settings, payoffs: Payoffs, program: Program) -> Reuse:
    """What an engine may reuse. Reads the size and time of the weights, and makes the shelf; raises nothing."""
    if settings.isolate:
        return Reuse(shares=False, parameters={"cache_ram_mib": 0})
    payoff = payoffs.of(spec.model_path)
    wanted = settings.speculation if spec.speculation is None else spec.speculation
    parameters = guessing_parameters(spec, placement) if wanted and program.guesses and payoff.pays else {}
    plain = Reuse(guesses=bool(parameters), payoff=payoff, parameters=parameters)
    if not settings.prompt_cache_mib or spec.embedding or spec.projector_paths or spec.draft_num_predict:
        return plain
    shelf = shelf_in(settings)
    if not (program.keeps_slots and _is_ready(shelf)):
        return plain
    parameters |= {"slot_save_path": f"{shelf.folder}/"}
    return replace(plain, shelf=shelf, fingerprint=_fingerprint(spec, placement, program), parameters=parameters)


def _is_ready(shelf: Shelf) -> bool:
    """Whether there is a shelf, which a binary wants to see before it starts."""
    try:
        shelf.prepare()
    except OSError as error:
        _log.warning("no prompts are kept on disk: %s", error.strerror or error)
        return False
    return True


def _fingerprint(spec: EngineSpec, placement: Placement, program: Program) -> str:
    """All that the numbers of a state depend on; the context among it, for some models turn by its length."""
    paths = *(spec.shard_paths or (spec.model_path,)), *spec.adapter_paths
    chosen = placement.num_ctx, placement.kv_cache_type, placement.flash_attention, spec.num_gpu, spec.main_gpu
    return fingerprint_of([program.identity, *(file_stamp(path) for path in paths), *chosen])


def file_stamp(path: Path) -> str:
    """A file as it is now. A blob's name is its digest, and any other change shows in size or time."""
    try:
        status = path.stat()
    except OSError:
        return f"{path} is gone"
    return f"{path.absolute()} {status.st_size} {status.st_mtime_ns}"
