"""What all pulls of a process share: registry clients and downloads. One is opened with the server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tampu.registry.clients import SharedClients
from tampu.registry.patience import Patience
from tampu.registry.shared import SharedDownloads, open_shared_downloads


@dataclass(frozen=True, slots=True)
class Pulls:
    """Made by `open_pulls`."""

    clients: SharedClients
    downloads: SharedDownloads


@asynccontextmanager
async def open_pulls(home: Path, *, patience: Patience | None = None) -> AsyncIterator[Pulls]:
    """Ready to pull; `home` is the folder of the identity (`settings.home`). Leaving cancels what is under way."""
    async with open_shared_downloads() as downloads:
        yield Pulls(SharedClients(home, patience or Patience()), downloads)
