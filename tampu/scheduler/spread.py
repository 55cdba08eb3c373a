"""Which devices a model goes to, and how much of it to each. Pure: the devices come as a recorded list would.

The rules:
1. Of each device as much stays free as the settings say, and never less than 1 GiB, which engines leave by themselves.
2. A model goes to the one device with most room, if it holds all: what crosses from one to another costs time.
3. Else to as few as hold it all, those with most room first; where none do, to all, and the rest to the processor.
4. Told to spread, it always goes to all.
5. Several share it in proportion to their room.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tampu.hardware.accelerators import Device

LEAST_MARGIN_BYTES: Final = 1 << 30
_FEWEST_BYTES: Final = 256 << 20
"""A device with less room is left alone: its buffers alone would fill it."""

Shares = tuple[tuple[str, int], ...]
"""Bytes by the name of the device that holds them."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say about devices. `overhead_bytes`: to leave free on each; `everywhere`: use all."""

    overhead_bytes: int = 0
    everywhere: bool = False


NO_RULES: Final = Rules()


def spread(needed_bytes: int, devices: Sequence[Device], rules: Rules) -> Shares:
    """What of `needed_bytes` goes where, in the order of the devices; nothing where no device has room."""
    if needed_bytes <= 0:
        return ()
    margin = max(rules.overhead_bytes, LEAST_MARGIN_BYTES)
    room = {device.name: device.free_bytes - margin for device in devices}
    usable = sorted((name for name in room if room[name] >= _FEWEST_BYTES), key=lambda name: -room[name])
    chosen = usable if rules.everywhere else usable[: _count(needed_bytes, [room[name] for name in usable])]
    total = sum(room[name] for name in chosen)
    held = min(needed_bytes, total)
    return tuple((device.name, held * room[device.name] // total) for device in devices if device.name in chosen)


def _count(needed_bytes: int, rooms: Sequence[int]) -> int:
    """How many of the roomiest hold it all; all where that is too few."""
    return next((count for count in range(1, len(rooms)) if sum(rooms[:count]) >= needed_bytes), len(rooms))


def left(devices: Iterable[Device], taken: Iterable[Shares]) -> tuple[Device, ...]:
    """The devices without what loaded models hold, or may come to hold."""
    held: dict[str, int] = {}
    for name, count in (share for shares in taken for share in shares):
        held[name] = held.get(name, 0) + count
    return tuple(_without(device, held) for device in devices)


def _without(device: Device, held: Mapping[str, int]) -> Device:
    return replace(device, free_bytes=max(0, device.free_bytes - held.get(device.name, 0)))
