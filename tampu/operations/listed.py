"""Makes the models whose files the settings name (`models: path`), where they lie.

Rules, for each of them:
1. A model of that name that was made otherwise is left alone, and told once.
2. One that is made of these files already is remembered, not made again.
3. Files that changed become the model again, and a model that is not there is made; one that is removed while the
   server runs comes back with its next start, or when its files change.
What cannot be made is told once, and tried again with the next start or when its files change.
"""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from anyio import to_thread

from tampu.config import ModelSettings
from tampu.deferred import events_later
from tampu.errors import TampuError
from tampu.management import CreateRequest
from tampu.modelfile.files import files_of
from tampu.names import ModelName
from tampu.operations.adoption import Memory, Stamps, Taken, adopt, check_headers, stamps_of
from tampu.operations.services import Services
from tampu.store.library import Library
from tampu.store.locks import Pins
from tampu.store.model import Model

_create: Final = events_later("tampu.operations.create", "create")
_MEMORY: Final = "tampu-listed.json"
_log = logging.getLogger(__name__)


class Listed:
    """The models of the settings that name files, as far as they have been dealt with."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._memory: Memory | None = None
        self._done: set[tuple[str, Stamps]] = set()
        self._told: set[tuple[str, str]] = set()

    def models(self) -> list[tuple[ModelSettings, Path]]:
        """Those that the settings name now, and where their files are."""
        return [(model, model.path) for model in self._services.settings.models if model.path is not None]

    async def look(self) -> None:
        """Deal with everything that is new or changed."""
        if self._memory is None:
            self._memory = await to_thread.run_sync(Memory.load, self._services.settings.home / _MEMORY)
        for model, path in self.models():
            try:
                await self._look_at(model, path, self._memory)
            except (TampuError, OSError) as error:
                self._tell(model, getattr(error, "message", str(error)))

    async def _look_at(self, model: ModelSettings, path: Path, memory: Memory) -> None:
        files = await to_thread.run_sync(files_of, path)
        stamps = await to_thread.run_sync(stamps_of, files)
        if not stamps or (model.name, stamps) in self._done:
            return
        known, stored = memory.get(model.name), await to_thread.run_sync(_stored, self._services.library, model.name)
        if stored is not None and _is_ours(stored, known, files):
            if known is None or known.stamps == stamps:
                await to_thread.run_sync(memory.set, model.name, Taken(stamps, model.name, stored.digest))
                self._done.add((model.name, stamps))
                return
        elif stored is not None:
            self._tell(model, "another model has that name and is left as it is; remove it, or choose another name")
            return
        # Whatever comes of it, it is not tried again before something changes.
        self._done.add((model.name, stamps))
        await to_thread.run_sync(memory.set, model.name, await self._make(model, files, stamps))

    async def _make(self, model: ModelSettings, files: Sequence[Path], stamps: Stamps) -> Taken:
        await to_thread.run_sync(check_headers, [file for file in files if file.suffix.lower() == ".gguf"])
        _log.info("making a model that the settings name", extra={"model": model.name, "file": files[0].name})
        top = Path(os.path.commonpath([file.parent for file in files]))
        with Pins() as pins:
            digests = {
                file.relative_to(top).as_posix(): await adopt(self._services.library, file, pins) for file in files
            }
            async for _ in _create(self._services, CreateRequest(model=model.name, files=digests)):
                pass
        made = await self._services.library.find(ModelName.parse(model.name))
        _log.info("made", extra={"model": model.name})
        return Taken(stamps, model.name, made.digest)

    def _tell(self, model: ModelSettings, why: str) -> None:
        if (model.name, why) not in self._told:
            self._told.add((model.name, why))
            _log.warning("a model of the settings cannot be made", extra={"model": model.name, "error": why})


def _stored(library: Library, name: str) -> Model | None:
    """The model of that name; None where there is none. Raises TampuError for one that cannot be read."""
    parsed = ModelName.parse(name)
    is_there = any(each.short.lower() == parsed.short.lower() for each in library.names())
    return library.get(parsed) if is_there else None


def _is_ours(stored: Model, known: Taken | None, files: Sequence[Path]) -> bool:
    """Whether the model is what was made of the files that the settings name."""
    if known is not None and known.digest == stored.digest:
        return True
    try:
        return bool(stored.weights) and stored.weights[0].samefile(files[0])
    except OSError:
        return False
