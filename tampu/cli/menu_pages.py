"""The pages of the menu: what can be chosen, and what is said of it. Pure."""

from collections.abc import Collection, Sequence
from typing import Final

from tampu.client.answers import ListedModel, LoadedModel, Offers
from tampu.terminal.menu import Page, Row
from tampu.units import format_bytes

CHAT: Final = "chat"
GET: Final = "get"
MANAGE: Final = "manage"
SETTINGS: Final = "settings"
YES: Final = "yes"
_ROOM_BESIDE_WEIGHTS: Final = 1.2
"""What a model takes in memory, by the size of its weights: the context and the work come on top."""


def main_page(program: str, version: str) -> Page:
    """The first one."""
    rows = (
        Row("Chat with a model", "one that is stored here", CHAT),
        Row("Get a model", "one that fits this machine, or any by its name", GET),
        Row("Manage models", "show, copy, stop, remove", MANAGE),
        Row("Settings", "where the file is, what is set", SETTINGS),
    )
    return Page(f"{program} {version}", rows)


def models_page(title: str, stored: Sequence[ListedModel], loaded: Sequence[LoadedModel]) -> Page:
    """The stored models, those in memory first."""
    in_memory = {model.name for model in loaded}
    ordered = sorted(stored, key=lambda model: model.name not in in_memory)
    rows = [Row(model.name, _facts(model, in_memory), model.name) for model in ordered]
    return Page(title, rows, types=True, lead=() if rows else ("No model is stored yet.", ""))


def _facts(model: ListedModel, in_memory: Collection[str]) -> str:
    size = "elsewhere" if model.remote_model else format_bytes(model.size)
    facts = (size, model.details.parameter_size, "in memory" if model.name in in_memory else "")
    return ", ".join(filter(None, facts))


def offers_page(offers: Offers, stored: Collection[str]) -> Page:
    """What the catalog knows, what fits first; any other model by typing its name."""
    ordered = sorted(offers.models, key=lambda offer: (not _fits(offer.size, offers.room.total), offer.size))
    rows = [
        Row(offer.name, f"{format_bytes(offer.size)}, {_verdict(offer.name, offer.size, offers, stored)}", offer.name)
        for offer in ordered
    ]
    lead = (_free(offers), "Type the name of any other model, such as llama3.2:1b.", "")
    return Page("Get a model", rows, lead=lead, types=True, free="Pull {}")


def _free(offers: Offers) -> str:
    memory = f"{format_bytes(offers.memory.available)} of {format_bytes(offers.memory.total)} memory are free"
    cards = f"{format_bytes(offers.devices.available)} of {format_bytes(offers.devices.total)} on graphics cards"
    return f"{memory}, and {cards}." if offers.devices.total else f"{memory}."


def _verdict(name: str, size: int, offers: Offers, stored: Collection[str]) -> str:
    if name in stored:
        return "stored already"
    if not _fits(size, offers.room.total):
        return "too big for this machine"
    if _fits(size, offers.devices.available):
        return "fits on a graphics card"
    return "fits" if _fits(size, offers.room.available) else "fits once memory is freed"


def _fits(weights_bytes: int, memory_bytes: int) -> bool:
    return weights_bytes * _ROOM_BESIDE_WEIGHTS <= memory_bytes


def deeds_page(model: str, *, is_loaded: bool) -> Page:
    """What can be done with one model; the values are commands."""
    stop = (Row("Stop", "take it out of memory", "stop"),) if is_loaded else ()
    rows = (
        Row("Show", "what is known of it", "show"),
        Row("Copy", "give it a second name", "cp"),
        *stop,
        Row("Remove", "delete it from the disk", "rm"),
    )
    return Page(model, rows)


def question_page(question: str) -> Page:
    """Yes or no; no comes first."""
    return Page(question, (Row("No", value="no"), Row("Yes", value=YES)))


def settings_page() -> Page:
    """What can be asked of the settings; the values are words of `config`."""
    rows = (
        Row("What is set", "and where it was set", "list"),
        Row("Where the file is", value="path"),
        Row("Check the file", "for mistakes", "check"),
    )
    return Page("Settings", rows)


def error_page(message: str, columns: int) -> Page:
    """What went wrong; there is only the way back."""
    # Only here: few pages have long texts.
    import textwrap  # noqa: PLC0415

    return Page("Error", (Row("Back"),), lead=(*textwrap.wrap(message, max(1, columns - 1)), ""))
