"""How a model is loaded: context, slots and the memory they take. Pure: the memory that is free comes as a number.

The rules:
1. A context that was asked for is raised to the smallest that works and cut to what the model was trained for.
2. Left open, the context starts at 4096 tokens and doubles for as long as the key/value cache of four slots stays
   within a thirty-second of the free memory: the engine writes every byte of that cache while it starts, so a larger
   automatic context would cost start-up time as well as memory.
3. Eight slots while their cache stays within a sixteenth of the free memory, four within a quarter, else two, else one.
   A number from the settings is lowered only if it does not fit at all.
4. A sixteenth of what is then left, at most 1 GiB, may hold prompts that have lost their slot.
5. What does not fit with one slot does not fit.
6. What goes to devices (see `spread.py`) need not fit into the memory of the processor, also where a request says
   itself how many layers that are, or which device.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from tampu.engine.spec import EngineSpec, Placement
from tampu.gguf.footprint import Footprint
from tampu.hardware.accelerators import Device
from tampu.scheduler.records import Limits, LoadRequest
from tampu.scheduler.spread import Shares, spread

SMALLEST_CTX: Final = 4
SMALLEST_VISION_CTX: Final = 2048
SMALLEST_AUTOMATIC_CTX: Final = 4096
_LARGEST_AUTOMATIC_CTX: Final = 262_144
_CTX_SLOTS: Final = 4
_CTX_SHARE: Final = 32
_SHARES_OF_SLOTS: Final = {8: 16, 4: 4, 2: 4, 1: 1}
"""By number of slots, the share of the free memory that their cache may take where the number is ours to choose."""
_PROMPT_CACHE_SHARE: Final = 16
_PROMPT_CACHE_MOST: Final = 1 << 30

_BLOCK_BYTES: Final = {
    "f32": 128, "f16": 64, "bf16": 64, "q8_0": 34, "q5_1": 24, "q5_0": 22, "q4_1": 20, "q4_0": 18, "iq4_nl": 18,
}  # fmt: skip
"""What 32 numbers of the key/value cache take, by its type."""
_PROCESS_BYTES: Final = 48 << 20
_COMPUTED_TOKENS: Final = 512
_BYTES_PER_NUMBER: Final = 4
_EMBEDDING_WIDTHS: Final = 16
"""The engine's scratch buffers hold, for each token computed at once, the vocabulary and about so many vectors."""


@dataclass(frozen=True, slots=True)
class DoesNotFit:
    """The least that the model needs as wanted, and what there is."""

    needed_bytes: int
    free_bytes: int


def place(request: LoadRequest, *, free_bytes: int, limits: Limits) -> Placement | DoesNotFit:
    """The context and slots that `request` gets in `free_bytes` of memory."""
    limits = limits.of_model(request.spec)
    ctx = request.spec.num_ctx
    num_ctx = automatic_ctx(request, free_bytes=free_bytes, limits=limits) if ctx is None else wanted_ctx(request, ctx)
    room = _room(request, free_bytes, limits)
    candidates = dict.fromkeys(_halvings(limits.num_parallel), 1) if limits.num_parallel else _SHARES_OF_SLOTS
    for slots, share in candidates.items():
        within_share = slots == 1 or cache_bytes(request.footprint, num_ctx, slots, limits) <= room // share
        needed_bytes = memory_bytes(request.footprint, num_ctx, slots, limits)
        shares = _shares(request, needed_bytes, limits)
        on_devices = sum(count for _, count in shares)
        if within_share and needed_bytes - on_devices <= free_bytes:
            return Placement(
                num_ctx=num_ctx,
                slots=slots,
                threads=request.spec.num_thread or limits.cores,
                memory_bytes=needed_bytes,
                gpu_bytes=on_devices,
                device_bytes=shares,
                kv_cache_type=limits.kv_cache_type,
                flash_attention=limits.flash_attention,
                prompt_cache_bytes=_prompt_cache_bytes(request, free_bytes - needed_bytes + on_devices),
            )
    return DoesNotFit(memory_bytes(request.footprint, num_ctx, 1, limits), room)


def _shares(request: LoadRequest, needed_bytes: int, limits: Limits) -> Shares:
    """What of it goes to devices: all that has room there, unless the request names one of them, or counts layers."""
    return spread(_wished_bytes(request, needed_bytes), _wished_devices(request.spec, limits.devices), limits.spreading)


def _wished_bytes(request: LoadRequest, needed_bytes: int) -> int:
    """What of it shall leave the processor; layers take even shares, and what they end in counts as one more."""
    asked, layers = request.spec.num_gpu, request.footprint.block_count + 1
    return needed_bytes if asked < 0 else needed_bytes * min(asked, layers) // layers


def _wished_devices(spec: EngineSpec, devices: tuple[Device, ...]) -> tuple[Device, ...]:
    """The one that is named; all where none is, or none has such a number."""
    named = spec.main_gpu
    return devices if named is None or not 0 <= named < len(devices) else devices[named : named + 1]


def _room(request: LoadRequest, free_bytes: int, limits: Limits) -> int:
    """All that the model may take, on the processor's side and on devices."""
    everything = sum(device.free_bytes for device in limits.devices)
    return free_bytes + sum(count for _, count in _shares(request, everything, limits))


def smaller(placement: Placement, request: LoadRequest, limits: Limits) -> Placement | None:
    """What to try after `placement` ran out of memory: half the slots, then a quarter of an automatic context."""
    num_ctx, slots = placement.num_ctx, placement.slots
    if slots > 1:
        slots //= 2
    elif request.spec.num_ctx is None and num_ctx > SMALLEST_AUTOMATIC_CTX:
        num_ctx = max(num_ctx // 4, SMALLEST_AUTOMATIC_CTX)
    else:
        return None
    needed_bytes = memory_bytes(request.footprint, num_ctx, slots, limits.of_model(request.spec))
    held = min(placement.gpu_bytes, needed_bytes)
    return replace(placement, num_ctx=num_ctx, slots=slots, memory_bytes=needed_bytes, gpu_bytes=held)


def wanted_ctx(request: LoadRequest, num_ctx: int) -> int:
    """The context that asking for `num_ctx` gives."""
    smallest = SMALLEST_VISION_CTX if request.spec.projector_paths else SMALLEST_CTX
    raised = max(num_ctx, smallest)
    return min(raised, request.trained_ctx) if request.trained_ctx else raised


def automatic_ctx(request: LoadRequest, *, free_bytes: int, limits: Limits) -> int:
    """The context that a request gets which leaves it open."""
    limits = limits.of_model(request.spec)
    free_bytes = _room(request, free_bytes, limits)
    longest = min(request.trained_ctx or SMALLEST_AUTOMATIC_CTX, _LARGEST_AUTOMATIC_CTX)
    slots = limits.num_parallel or _CTX_SLOTS
    num_ctx = min(SMALLEST_AUTOMATIC_CTX, longest)
    while num_ctx < longest:
        larger = min(num_ctx * 2, longest)
        if cache_bytes(request.footprint, larger, slots, limits) > free_bytes // _CTX_SHARE:
            break
        num_ctx = larger
    return num_ctx


def automatic_batch(spec: EngineSpec, num_ctx: int) -> int:
    """The batch size that leaving `num_batch` open means."""
    if spec.embedding:
        return min(2048, num_ctx)
    return 512 if num_ctx <= 4096 else 1024 if num_ctx <= 32768 else 2048


def memory_bytes(footprint: Footprint, num_ctx: int, slots: int, limits: Limits) -> int:
    """Everything that a model takes which works on `slots` requests of `num_ctx` tokens at once."""
    width = footprint.vocab_size + _EMBEDDING_WIDTHS * footprint.embedding_length
    scratch = _COMPUTED_TOKENS * _BYTES_PER_NUMBER * width
    return footprint.weights_bytes + cache_bytes(footprint, num_ctx, slots, limits) + scratch + _PROCESS_BYTES


def cache_bytes(footprint: Footprint, num_ctx: int, slots: int, limits: Limits) -> int:
    """The key/value caches of `slots` requests of `num_ctx` tokens."""
    f16 = _BLOCK_BYTES["f16"]
    return slots * footprint.sequence_bytes(num_ctx) * _BLOCK_BYTES.get(limits.kv_cache_type, f16) // f16


def as_loaded(placement: Placement, *, slots: int, memory_bytes: int) -> Placement:
    """`placement` with what the engine says of itself; 0 where it says nothing.

    What it holds now may be less than it will: weights that are mapped come to memory when they are used.
    """
    return replace(
        placement,
        slots=min(placement.slots, slots) if slots else placement.slots,
        memory_bytes=max(placement.memory_bytes, memory_bytes),
    )


def _prompt_cache_bytes(request: LoadRequest, spare_bytes: int) -> int:
    return 0 if request.spec.embedding else min(spare_bytes // _PROMPT_CACHE_SHARE, _PROMPT_CACHE_MOST)


def _halvings(slots: int) -> Iterator[int]:
    while slots >= 1:
        yield slots
        slots //= 2
