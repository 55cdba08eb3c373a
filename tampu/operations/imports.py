"""Keeps the GGUF files of the folders in TAMPU_IMPORT models, where they lie.

Rules, for each model that is found in a folder:
1. One that has been dealt with and whose files have not changed since is left alone: `rm` takes it away for good.
2. Files that a stored model is made of already are not made another one of.
3. What is new is hashed and becomes a model under its own name, or another one where that is taken.
4. What changed becomes the model again, under the same name, unless the name means something else by now.
A file that cannot be used is told once in the log, and tried again when it changes.
"""

import logging
import threading
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread

from tampu.deferred import events_later
from tampu.errors import TampuError
from tampu.management import CreateRequest
from tampu.modelfile.found_models import FoundModel, find_models, free_name
from tampu.names import ModelName
from tampu.operations.adoption import Memory, Stamps, Taken, adopt, check_headers, stamps_of
from tampu.operations.listed import Listed
from tampu.operations.services import Services
from tampu.store.library import Library
from tampu.store.locks import Pins
from tampu.store.model import Model

PAUSE_S: Final = 30.0
_create: Final = events_later("tampu.operations.create", "create")
_MEMORY: Final = "tampu-imported.json"
_MOST_OF_THE_TIME: Final = 50
"""A search of a huge folder may take this small a part of the time."""
_log = logging.getLogger(__name__)


async def keep_imported(services: Services, *, pause_s: float = PAUSE_S) -> None:
    """Import what the settings list and what is in the folders, now and whenever something is new, until cancelled."""
    imports, listed = Imports(services), Listed(services)
    while True:
        settings = services.settings
        if not settings.import_folders and not listed.models():
            await services.current.wait_other(settings)
            continue
        start = anyio.current_time()
        try:
            await listed.look()
            await imports.look()
        except Exception:  # noqa: BLE001  # the border of a background job: the server goes on
            _log.exception("looking for models to import failed")
        took = anyio.current_time() - start
        await services.current.wait_other(settings, most_s=max(pause_s, took * _MOST_OF_THE_TIME))


class Imports:
    """The models of the folders, as far as they have been dealt with."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._memory: Memory | None = None
        self._missing: set[Path] = set()

    async def look(self) -> None:
        """Deal with everything that is new or changed."""
        if self._memory is None:
            self._memory = await to_thread.run_sync(Memory.load, self._services.settings.home / _MEMORY)
        for folder in self._services.settings.import_folders:
            if await to_thread.run_sync(_is_folder, folder):
                self._missing.discard(folder)
                await _import_folder(self._services, self._memory, folder)
            elif folder not in self._missing:
                self._missing.add(folder)
                _log.warning("TAMPU_IMPORT: no such folder", extra={"folder": str(folder)})


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # not ours to look at
        return False


async def _import_folder(services: Services, memory: Memory, folder: Path) -> None:
    for model in await _found(folder):
        stamps = await to_thread.run_sync(stamps_of, model.files)
        known = memory.get(str(model.files[0]))
        if not stamps or (known is not None and known.stamps == stamps):
            continue
        try:
            taken = await _take(services, model, stamps, known)
        except TampuError as error:
            # One that never was a model may be a download that has not ended, and changes all the time.
            level = logging.WARNING if known is None or known.name else logging.DEBUG
            _log.log(level, "a file cannot be imported", extra={"file": model.files[0].name, "error": error.message})
            taken = Taken(stamps, known.name, known.digest) if known is not None else Taken(stamps)
        await to_thread.run_sync(memory.set, str(model.files[0]), taken)


async def _found(folder: Path) -> list[FoundModel]:
    is_over = threading.Event()
    try:
        return await to_thread.run_sync(lambda: find_models(folder, is_over=is_over.is_set), abandon_on_cancel=True)
    finally:
        is_over.set()


async def _take(services: Services, model: FoundModel, stamps: Stamps, known: Taken | None) -> Taken:
    """Make the model, unless it is one already; raises TampuError."""
    library = services.library
    if known is None and (stored := await to_thread.run_sync(_made_of_file, library, model)):
        return Taken(stamps, model.name, stored.digest)
    await to_thread.run_sync(check_headers, model.files)
    _log.info("importing", extra={"file": model.files[0].name})
    with Pins() as pins:
        digests = {path.name: await adopt(library, path, pins) for path in model.files}
        name = await to_thread.run_sync(_name_for, library, model, digests[model.files[0].name], known)
        async for _ in _create(services, CreateRequest(model=name, files=digests)):
            pass
    made = await library.find(ModelName.parse(name))
    _log.info("imported", extra={"file": model.files[0].name, "model": name})
    return Taken(stamps, name, made.digest)


def _made_of_file(library: Library, model: FoundModel) -> Model | None:
    """The stored model of that name, if it is made of this very file."""
    try:
        stored = library.get(ModelName.parse(model.name))
        return stored if stored.weights and stored.weights[0].samefile(model.files[0]) else None
    except (TampuError, OSError):
        return None


def _name_for(library: Library, model: FoundModel, digest: str, known: Taken | None) -> str:
    """The name that the model gets: that of before, its own, or a free one where that means something else."""
    stored = {each.name.short.lower(): each for each in library.models()}
    if known is not None and known.name:
        before = stored.get(known.name.lower())
        if before is None or before.digest == known.digest:
            return known.name
    namesake = stored.get(model.name.lower())
    if namesake is None or library.blobs.path(digest) in namesake.weights[:1]:
        return model.name
    return free_name(model.files[0], stored.keys())
