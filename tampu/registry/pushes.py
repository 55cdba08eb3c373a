"""What all pushes of a process share: registry clients, uploads under way and the journal of those that are not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from anyio import to_thread

from tampu.registry.clients import SharedClients
from tampu.registry.shared import SharedDownloads, open_shared_downloads
from tampu.registry.upload_journal import UploadJournal

_FOLDER: Final = "uploads"


@dataclass(frozen=True, slots=True)
class Pushes:
    """Made by `open_pushes`. `uploads` are jobs like downloads: shared, and over with the last client."""

    clients: SharedClients
    uploads: SharedDownloads
    journal: UploadJournal


@asynccontextmanager
async def open_pushes(home: Path, clients: SharedClients) -> AsyncIterator[Pushes]:
    """Ready to push; `home` is `settings.home`. Leaving stops what is under way; another push goes on from there."""
    journal = UploadJournal(home / _FOLDER)
    await to_thread.run_sync(journal.tidy)
    async with open_shared_downloads() as uploads:
        yield Pushes(clients, uploads, journal)
