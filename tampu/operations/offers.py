"""Tells what the catalog offers, beside the memory that models have here."""

from collections.abc import Iterable, Sequence

from anyio import to_thread

from tampu.descriptions import Offer, Offers, Room
from tampu.hardware.accelerators import Device, shares_memory
from tampu.hardware.memory import available_memory
from tampu.operations.services import Services
from tampu.scheduler.spread import LEAST_MARGIN_BYTES, Shares, left


async def list_offers(services: Services) -> Offers:
    """The catalog, the smallest model first."""
    memory = await to_thread.run_sync(available_memory)
    offers = (Offer(model.names[0], model.size) for model in services.pulls.catalog.models)
    ordered = sorted(offers, key=lambda offer: (offer.size_bytes, offer.name))
    taken = [view.placement.device_bytes for view in services.scheduler.residents()]
    return Offers(
        tuple(ordered), Room(memory.total_bytes, memory.available_bytes), room_on(services.scheduler.devices, taken)
    )


def room_on(devices: Sequence[Device], taken: Iterable[Shares]) -> Room:
    """What devices hold besides the memory of the processor, without what engines leave free on each."""
    own = [device for device in devices if not shares_memory(device)]
    return Room(
        sum(max(0, device.total_bytes - LEAST_MARGIN_BYTES) for device in own),
        sum(max(0, device.free_bytes - LEAST_MARGIN_BYTES) for device in left(own, taken)),
    )
