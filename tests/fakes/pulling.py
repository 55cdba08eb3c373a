"""The smallest server a pull needs: a models folder, settings and the shared downloads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tampu.config import Settings
from tampu.management import TransferRequest
from tampu.operations.pull import pull
from tampu.progress import Progress
from tampu.registry.patience import Patience
from tampu.registry.pulls import Pulls, open_pulls
from tampu.store.library import Library

HURRIED = Patience(connect_s=2.0, silence_s=0.3, retries=3, first_pause_s=0.01, locate_s=0.3, document_s=0.5)


@dataclass
class PullServices:
    library: Library
    settings: Settings
    pulls: Pulls

    async def pull(self, model: str, *, insecure: bool = True) -> list[Progress]:
        return [event async for event in pull(self, TransferRequest(model=model, insecure=insecure))]

    @property
    def files(self) -> set[str]:
        """Names in the blobs folder."""
        folder = self.library.layout.blobs
        return {path.name for path in folder.iterdir()} if folder.exists() else set()


@asynccontextmanager
async def open_services(folder: Path, *, patience: Patience = HURRIED, **changes: Any) -> AsyncIterator[PullServices]:
    """`changes`: further settings."""
    settings = Settings(models_folder=folder / "models", home=folder, docker_folder=folder / ".docker", **changes)
    async with open_pulls(settings, patience=patience) as pulls:
        yield PullServices(Library(settings.models_folder), settings, pulls)
