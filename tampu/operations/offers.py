"""Tells what the catalog offers, beside the memory that models have here."""

from anyio import to_thread

from tampu.descriptions import Offer, Offers
from tampu.hardware.memory import available_memory
from tampu.operations.services import Services


async def list_offers(services: Services) -> Offers:
    """The catalog, the smallest model first."""
    memory = await to_thread.run_sync(available_memory)
    offers = (Offer(model.names[0], model.size) for model in services.pulls.catalog.models)
    ordered = sorted(offers, key=lambda offer: (offer.size_bytes, offer.name))
    return Offers(tuple(ordered), memory.total_bytes, memory.available_bytes)
