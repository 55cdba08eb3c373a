"""What to do next for a request that no loaded engine serves at once. Pure: data in, a decision out.

The rules, in order (the numbers stand beside the code):
1. An engine with the same weights that was loaded in a way that serves the request is joined.
2. A model that just failed to start is refused until its cool-down is over; nobody is evicted for it.
3. A model that cannot fit into this machine, whatever leaves, is refused; nobody is evicted for it.
4. An engine with the same weights, loaded in another way, makes room.
5. At the limit of loaded models one makes room.
6. If the memory that is free is not enough, as many make room as are needed.
7. Otherwise it is started.

To make room: idle ones leave, soonest to expire first. A busy one is never evicted: the request waits for it, and
once it has waited for `PATIENCE_S` the busy one gets no new users, so that steady traffic cannot starve a request.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tampu.errors import EngineOutOfMemory, TampuError
from tampu.hardware.memory import Memory
from tampu.scheduler.placement import DoesNotFit, automatic_batch, automatic_ctx, place, wanted_ctx
from tampu.scheduler.records import Limits, LoadPlan, LoadRequest
from tampu.units import KeepAlive

PATIENCE_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidentState:
    """A loaded model as policy sees it. `users` counts those that wait for a slot too; `expires_at`: clock seconds."""

    plan: LoadPlan
    users: int = 0
    expires_at: float = float("inf")
    keep_alive: KeepAlive

    @property
    def key(self) -> str:
        """What decisions call it."""
        return self.plan.request.engine_key

    @property
    def bytes(self) -> int:
        """What it holds of the processor's memory, or may come to hold."""
        placement = self.plan.placement
        return placement.memory_bytes - placement.gpu_bytes + (placement.prompt_cache_bytes or 0)


@dataclass(frozen=True, slots=True)
class Join:
    """Use the engine that is there."""

    key: str


@dataclass(frozen=True, slots=True)
class Start:
    """Load it so."""

    plan: LoadPlan


@dataclass(frozen=True, slots=True)
class Evict:
    """Unload these idle ones, then decide again with the memory that is then free."""

    victims: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Decide again when `key`, which is busy, falls idle. `closed`: it takes no new users until then."""

    key: str
    closed: bool


@dataclass(frozen=True, slots=True)
class Refuse:
    """It cannot be had."""

    error: TampuError


Decision = Join | Start | Evict | Wait | Refuse


def decide(
    wanted: LoadRequest,
    residents: Sequence[ResidentState],
    *,
    memory: Memory,
    limits: Limits,
    waited_s: float = 0.0,
    failure: TampuError | None = None,
) -> Decision:
    """The next step for `wanted`. `failure`: what its last start ended with, while it cools down."""
    same = next((resident for resident in residents if resident.key == wanted.engine_key), None)
    if same and serves(same.plan, wanted):  # 1
        return Join(same.key)
    if failure:  # 2
        return Refuse(failure)
    most = place(wanted, free_bytes=_free_without(residents, memory, gone=residents), limits=limits)
    if isinstance(most, DoesNotFit):  # 3
        return Refuse(_too_large(wanted, most))
    closed = waited_s >= PATIENCE_S
    if same:  # 4
        return _make_room([same], closed=closed)
    surplus = 1 + len(residents) - limits.max_loaded
    if surplus > 0:  # 5
        return _make_room(residents, count=surplus, closed=closed)
    return _start_beside(wanted, residents, memory=memory, limits=limits, closed=closed)


def _start_beside(
    wanted: LoadRequest, residents: Sequence[ResidentState], *, memory: Memory, limits: Limits, closed: bool
) -> Decision:
    free_bytes = _free_without(residents, memory)
    limits = limits.beside(resident.plan.placement for resident in residents)
    placement = place(wanted, free_bytes=free_bytes, limits=limits)
    if isinstance(placement, DoesNotFit):  # 6
        needed = placement.needed_bytes
        return _make_room(residents, count=_count_to_free(residents, memory, needed), closed=closed)
    longest = automatic_ctx(wanted, free_bytes=free_bytes, limits=limits)
    return Start(LoadPlan(request=wanted, placement=placement, automatic_ctx=longest))  # 7


def serves(plan: LoadPlan, wanted: LoadRequest) -> bool:
    """Whether an engine that was loaded by `plan` does for `wanted`: the rule of reloads."""
    have, want = plan.request.spec, wanted.spec
    if have == want:
        return True
    return (
        _same_ctx(plan, wanted)
        and _same_batch(plan, wanted)
        and (want.num_gpu < 0 or want.num_gpu == have.num_gpu)
        # Left to the engine and "no" are one wish: neither insists on mapping the file.
        and bool(want.use_mmap) == bool(have.use_mmap)
        and all(getattr(have, name) == getattr(want, name) for name in _COMPARED_AS_THEY_ARE)
    )


_COMPARED_AS_THEY_ARE: Final = (
    "model_path", "projector_paths", "adapter_paths", "draft_path", "draft_kind", "main_gpu", "num_thread",
    "draft_num_predict",
    "context_shift", "embedding", "slots", "kv_cache_type", "flash_attention", "speculation", "uses_own_template",
)  # fmt: skip


def _same_ctx(plan: LoadPlan, wanted: LoadRequest) -> bool:
    want = wanted.spec.num_ctx
    if want is not None:
        return wanted_ctx(wanted, want) == plan.placement.num_ctx
    return plan.request.spec.num_ctx is None or plan.placement.num_ctx == plan.automatic_ctx


def _same_batch(plan: LoadPlan, wanted: LoadRequest) -> bool:
    have, want = plan.request.spec.num_batch, wanted.spec.num_batch
    automatic = automatic_batch(wanted.spec, plan.placement.num_ctx)
    return (have or automatic) == (want or automatic)


def eviction_order(residents: Iterable[ResidentState]) -> list[ResidentState]:
    """Who makes room first: the idle, soonest to expire first; then the busy, shortest keep-alive first."""
    forever = float("inf")

    def rank(resident: ResidentState) -> tuple[bool, float, str]:
        seconds = resident.keep_alive.seconds
        lasting = forever if seconds is None else seconds
        return resident.users > 0, lasting if resident.users else resident.expires_at, resident.key

    return sorted(residents, key=rank)


def _make_room(residents: Sequence[ResidentState], *, count: int = 1, closed: bool) -> Evict | Wait:
    chosen = eviction_order(residents)[:count]
    # All idle ones in one step: each leaves anyway. With a busy one among them, none leaves before it does.
    busy = [resident for resident in chosen if resident.users]
    if busy:
        return Wait(busy[0].key, closed)
    return Evict(tuple(resident.key for resident in chosen))


def _count_to_free(residents: Sequence[ResidentState], memory: Memory, needed_bytes: int) -> int:
    """How many, in the order of eviction, leave until `needed_bytes` are free."""
    order = eviction_order(residents)
    for count in range(1, len(order)):
        if _free_without(residents, memory, gone=order[:count]) >= needed_bytes:
            return count
    return len(order)


def _free_without(residents: Sequence[ResidentState], memory: Memory, *, gone: Sequence[ResidentState] = ()) -> int:
    """Bytes that a new model may take once `gone` have left.

    The system counts mapped weights of a loaded model as free, so what the others hold is also taken from the total.
    """
    held = sum(resident.bytes for resident in residents)
    leaving = sum(resident.bytes for resident in gone)
    return max(0, min(memory.available_bytes + leaving, memory.total_bytes - (held - leaving)))


def _too_large(wanted: LoadRequest, lacking: DoesNotFit) -> EngineOutOfMemory:
    # Rounded away from each other: two equal numbers would explain nothing.
    needed, free = _size(lacking.needed_bytes, math.ceil), _size(lacking.free_bytes, math.floor)
    return EngineOutOfMemory(
        f"model requires more system memory ({needed}) than is available ({free}): {wanted.name}; "
        "use a smaller model, a smaller num_ctx, or free some memory"
    )


def _size(count: int, rounded: Callable[[float], int]) -> str:
    unit, name = (2**30, "GiB") if count >= 2**30 else (2**20, "MiB")
    return f"{rounded(count * 10 / unit) / 10:.1f} {name}"
