"""Published models in the layout of the engine: what is planned for them, and the files open while one loads."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from anyio import CancelScope, from_thread, to_thread

from tampu.config import Settings, engine_environment
from tampu.engine.architectures import is_common, require_known
from tampu.engine.binary import find_engine
from tampu.engine.spec import EngineSpec
from tampu.engine.view import OpenView, Places, opened
from tampu.errors import BlobNotFound
from tampu.gguf.header import Header
from tampu.gguf.metadata import architecture_of
from tampu.gguf.translate.plan import View
from tampu.gguf.translate.planning import holds_projector, projector_view, text_view
from tampu.gguf.vocabulary import check_stored_vocabulary
from tampu.hardware.memory import available_memory
from tampu.store.faults import store_faults
from tampu.store.library import Library

Planning = Callable[[Path, Header, Sequence[tuple[Path, Header]]], View | None]


@dataclass(frozen=True, slots=True)
class Planned:
    """What an engine sees of a model: its header, and the bytes of its tensors and of a projector inside."""

    header: Header
    weights_bytes: int
    holds_projector: bool


def plan_model(files: Sequence[tuple[Path, Header]], header: Header, *, translates: bool) -> Planned:
    """What becomes of a model. `files`: its files, of which there is one as a rule; `header`: that of all together.

    Raises InvalidModelFile.
    """
    stored_bytes = sum(tensor.nbytes for tensor in header.tensors)
    has_projector = holds_projector(header)
    (path, first), *others = files
    with _reading():
        text_part = text_view(path, first, others) if translates else None
        projector = projector_view(path, first, others) if translates and has_projector else None
        if text_part is None:
            check_stored_vocabulary(path, first)
    if text_part is None:
        return Planned(header, stored_bytes, has_projector)
    metadata = {**header.metadata, "general.architecture": text_part.architecture}
    return Planned(
        replace(header, metadata=metadata, tensors=text_part.tensors),
        text_part.weights_bytes + (projector.weights_bytes if projector else 0),
        has_projector,
    )


def check_engine(header: Header, settings: Settings) -> None:
    """Raise EngineStartFailed for a model that the bundled engine does not know, where that is the one that is used.

    `header`: as the engine sees it. Other engines say it themselves.
    """
    architecture = architecture_of(header)
    if is_common(architecture) or find_engine(settings, engine_environment()).engine.binary is not None:
        return
    require_known(architecture)


@dataclass(frozen=True, slots=True)
class OpenFiles:
    """What an engine is to open: `spec`, with views in the place of files that need it."""

    spec: EngineSpec
    views: list[OpenView] = field(default_factory=list)

    async def release(self, pid: int) -> None:
        """The engine has loaded them: give back memory that it does not use."""
        if self.views:
            await to_thread.run_sync(_release, self.views, pid)


@asynccontextmanager
async def opened_files(library: Library, spec: EngineSpec, *, translates: bool) -> AsyncIterator[OpenFiles]:
    """The files for an engine that is started inside of the block, and that keeps them open itself from then on.

    Raises as planning and `view.opened` do. Being cancelled ends the writing of a view soon.
    """
    stack = ExitStack()
    try:
        if translates:
            yield await to_thread.run_sync(_open, library, spec, stack)
        else:
            yield OpenFiles(spec)
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(stack.close)


def _open(library: Library, spec: EngineSpec, stack: ExitStack) -> OpenFiles:
    views: list[OpenView] = []

    def stand_in(planned: Planning, path: Path) -> Path:
        others = spec.shard_paths[1:] if path == spec.model_path else ()
        view = _plan(library, planned, path, others)
        if view is None:
            return path
        views.append(stack.enter_context(opened(view, _places(library), from_thread.check_cancelled)))
        return views[-1].path

    # The smaller one first: where there is no room for the other, less was done in vain.
    projector_paths = tuple(stand_in(projector_view, path) for path in spec.projector_paths[:1])
    draft_path = None if spec.draft_path is None else stand_in(text_view, spec.draft_path)
    model_path = stand_in(text_view, spec.model_path)
    spec = replace(
        spec,
        projector_paths=projector_paths,
        draft_path=draft_path,
        model_path=model_path,
        # A view of several files is one.
        shard_paths=spec.shard_paths if model_path == spec.model_path else (),
    )
    return OpenFiles(spec, views)


def _plan(library: Library, planned: Planning, path: Path, others: Sequence[Path]) -> View | None:
    try:
        header = library.header(path)
        further = [(other, library.header(other)) for other in others]
    except BlobNotFound:
        return None  # what is missing the engine tells itself
    with _reading():
        return planned(path, header, further)


def _places(library: Library) -> Places:
    return Places(folder=library.layout.views, memory_bytes=available_memory().available_bytes)


@contextmanager
def _reading() -> Iterator[None]:
    with store_faults("reading the model's file"):
        yield


def _release(views: list[OpenView], pid: int) -> None:
    for view in views:
        view.release_unmapped(pid)
