"""The models folder as models: names to `Model`, lists, and every change of them. Warm, it answers from memory.

What is remembered, and when it is looked at again:
1. `get` of a model that was checked less than `recheck_s` ago touches no disk.
2. Later it asks for the status of the manifest and of its blobs (no reading); only what changed is read again.
3. A name that is not in memory, and every list, looks at the folder.
4. Changes made through this object are seen at once, changes by other processes by rules 2 and 3.
Every method may be called from any thread; those that may read the disk say so and belong into a thread.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from anyio import to_thread

from tampu.descriptions import ModelSummary, Origin
from tampu.errors import BadRequest, BlobNotFound, CorruptBlob, InvalidModelFile, ModelNotFound, TampuError
from tampu.gguf.header import Header
from tampu.gguf.reader import NOT_GGUF, read_header
from tampu.names import ModelName
from tampu.store.blobs import BlobStore
from tampu.store.faults import store_fault
from tampu.store.holds import Holds
from tampu.store.layout import Layout
from tampu.store.lent import check_lent
from tampu.store.loading import load_for_list, load_model
from tampu.store.manifests import ManifestStore, ReadManifest, encode_manifest, layers_of
from tampu.store.model import Manifest, Model
from tampu.store.names_index import NameIndex
from tampu.store.origins import Origins
from tampu.store.scan import Stamp
from tampu.store.summary import summarise

RECHECK_S: Final = 2.0
_REMEMBERED_HEADERS: Final = 64
"""A header of a large model takes some hundred kilobytes; lists keep summaries instead."""
_REMEMBERED_HEADER_BYTES: Final = 64 << 20
"""In all: files may be made to have headers that take much more."""

_REMEMBERED_SPELLINGS: Final = 10_000

_BlobStates = tuple[Stamp | None, ...]


@dataclass(slots=True)
class _Loaded:
    """A model in memory with what it was made from."""

    model: Model
    stamp: Stamp
    blobs: _BlobStates
    checked: float


@dataclass(slots=True)
class _KnownHeader:
    """A header in memory with the state of the file that it was read from."""

    header: Header
    stamp: Stamp
    checked: float
    bytes: int


@dataclass(frozen=True, slots=True)
class _Listed:
    """A list entry in memory; `model` and `summary` None for one that cannot be listed."""

    stamp: Stamp
    model: Model | None
    summary: ModelSummary | None


class Library:
    """The models of one folder."""

    def __init__(
        self, folder: Path, *, recheck_s: float = RECHECK_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.layout = Layout(folder)
        self.blobs = BlobStore(self.layout)
        self.holds = Holds()
        self.origins = Origins(self.layout)
        self.manifests = ManifestStore(self.layout, self.blobs, self.holds)
        self._recheck_s, self._clock = recheck_s, clock
        self._lock = threading.RLock()
        self._list_lock = threading.Lock()  # a first list may read many headers; single models do not wait for it
        self._loaded: dict[ModelName, _Loaded] = {}
        self._spellings: dict[ModelName, ModelName] = {}
        self._listed: dict[ModelName, _Listed] = {}
        self._headers: OrderedDict[Path, _KnownHeader] = OrderedDict()

    # --- one model ---------------------------------------------------------------------------------------------------

    def get(self, name: ModelName) -> Model:
        """The model that `name`, in any case, stands for; may read the disk unless it is warm.

        Raises ModelNotFound, CorruptManifest, CorruptBlob. Missing or cut weights are no error here: see `header`.
        """
        return self.peek(name) or self._find(name)

    async def find(self, name: ModelName) -> Model:
        """As `get`, from a coroutine: a thread does what needs the disk."""
        warm = self.peek(name)
        return warm if warm is not None else await to_thread.run_sync(self._find, name)

    def peek(self, name: ModelName) -> Model | None:
        """The model if it is warm; never touches the disk."""
        loaded = self._loaded.get(self._spellings.get(name, name))
        return loaded.model if loaded is not None and self._is_recent(loaded.checked) else None

    def resolve(self, name: ModelName) -> ModelName:
        """The stored spelling of a name, stored or to be; looks at the folder."""
        if self.manifests.stamp(name) is not None:
            return name
        return NameIndex(self.manifests.scan().names).canonical(name)

    def _find(self, name: ModelName) -> Model:
        with self._lock:
            real = self._spellings.get(name, name)
            stamp = self.manifests.stamp(real)
            if stamp is None:
                self._forget(real)
                real = self.resolve(name)
                stamp = self.manifests.stamp(real)
            if stamp is None:
                raise ModelNotFound(name.short)
            if len(self._spellings) >= _REMEMBERED_SPELLINGS:
                self._spellings.clear()
            self._spellings[name] = real
            return self._refresh(real, stamp).model

    def _refresh(self, name: ModelName, stamp: Stamp) -> _Loaded:
        """The entry of a stored name, read anew if its manifest or one of its blobs changed."""
        loaded = self._loaded.get(name)
        if loaded is None or loaded.stamp != stamp or loaded.blobs != self._blob_states(loaded.model.manifest):
            self._loaded.pop(name, None)
            read = self.manifests.read(name)
            model = load_model(name, read, self.blobs)
            loaded = _Loaded(model, read.stamp, self._blob_states(read.manifest), self._clock())
        self._check_lent(loaded)
        self._loaded[name] = loaded
        loaded.checked = self._clock()
        return loaded

    def _check_lent(self, loaded: _Loaded) -> None:
        for layer, state in zip(layers_of(loaded.model.manifest), loaded.blobs, strict=True):
            if state is None or state.size != layer.size:
                check_lent(layer, self.layout.blob(layer.digest), state.size if state is not None else None)

    def _blob_states(self, manifest: Manifest) -> _BlobStates:
        return tuple(self._blob_state(layer.digest) for layer in layers_of(manifest))

    def _blob_state(self, digest: str) -> Stamp | None:
        try:
            return _content_stamp(self.layout.blob(digest))
        except (OSError, BadRequest):
            return None

    # --- lists -------------------------------------------------------------------------------------------------------

    def names(self) -> list[ModelName]:
        """Every stored name, in order; looks at the folder."""
        return list(self.manifests.scan().names)

    def models(self) -> list[Model]:
        """Every model whose manifest and config can be read, in order of names; damaged texts count as left out."""
        with self._list_lock:
            return [listed.model for listed in self._refresh_list().values() if listed.model is not None]

    def summaries(self) -> list[ModelSummary]:
        """The same as list entries, newest first by the second, then by name; reads the disk for what is new."""
        with self._list_lock:
            found = [listed.summary for listed in self._refresh_list().values() if listed.summary is not None]
        return sorted(found, key=lambda summary: (-(summary.modified_ns // 1_000_000_000), summary.name))

    def _refresh_list(self) -> dict[ModelName, _Listed]:
        before = self._listed
        self._listed = {
            name: known if (known := before.get(name)) is not None and known.stamp == stamp else self._list(name, stamp)
            for name, stamp in self.manifests.scan().names.items()
        }
        return self._listed

    def _list(self, name: ModelName, stamp: Stamp) -> _Listed:
        try:
            read = self.manifests.read(name)
        except TampuError:
            return _Listed(stamp, None, None)
        model = load_for_list(name, read, self.blobs)
        if model is None:
            # Its config may come back with another model's create, which leaves this manifest as it is.
            return _Listed(Stamp(0, 0, 0), None, None)
        return _Listed(read.stamp, model, summarise(model, self._header_or_none))

    def _header_or_none(self, path: Path) -> Header | None:
        try:
            return self.header(path)
        except TampuError:
            return None

    # --- headers -----------------------------------------------------------------------------------------------------

    def header(self, path: Path) -> Header:
        """The GGUF header of a blob, arrays left out; remembered and looked at again by the same rules as models.

        Raises BlobNotFound, CorruptBlob with the reader's words.
        """
        known = self._headers.get(path)
        if known is not None and self._is_recent(known.checked):
            return known.header
        with _reading(path):
            stamp = _content_stamp(path)
            if known is None or known.stamp != stamp:
                header = read_header(path)
                known = _KnownHeader(header, stamp, self._clock(), header.memory_bytes)
        known.checked = self._clock()
        self._remember(path, known)
        return known.header

    def whole_header(self, path: Path) -> Header:
        """As `header`, with the arrays, which are too large to be remembered: read anew each time."""
        with _reading(path):
            return read_header(path, arrays=True)

    def _remember(self, path: Path, known: _KnownHeader) -> None:
        with self._lock:
            self._headers[path] = known
            self._headers.move_to_end(path)
            taken = sum(each.bytes for each in self._headers.values())
            while taken > _REMEMBERED_HEADER_BYTES or len(self._headers) > _REMEMBERED_HEADERS:
                taken -= self._headers.popitem(last=False)[1].bytes

    def _is_recent(self, checked: float) -> bool:
        return self._clock() - checked < self._recheck_s

    # --- changes -----------------------------------------------------------------------------------------------------

    def read_manifest(self, name: ModelName) -> ReadManifest:
        """The manifest as it lies on the disk, of exactly this spelling; raises ModelNotFound, CorruptManifest."""
        return self.manifests.read(name)

    def commit(
        self, name: ModelName, manifest: Manifest | bytes, *, keep_unused: bool = False, origin: Origin | None = None
    ) -> int:
        """Make `name` stand for a manifest (bytes are kept as they are); how many blobs of the replaced one went.

        Raises StoreError, nothing changed, if a blob that it names is missing or cut.
        """
        content = manifest if isinstance(manifest, bytes) else encode_manifest(manifest)
        try:
            forget = partial(self._forget, name)
            deleted = self.manifests.commit(name, content, keep_unused=keep_unused, written=forget)
            self.origins.write(name, content, origin)
        finally:
            self._forget(name)
        return deleted

    def copy(self, source: ModelName, destination: ModelName, *, keep_unused: bool = False) -> None:
        """Give `destination` the manifest of `source`, byte by byte; raises ModelNotFound."""
        try:
            forget = partial(self._forget, destination)
            self.manifests.copy(source, destination, keep_unused=keep_unused, written=forget)
            self.origins.copy(source, destination)
        finally:
            self._forget(destination)

    def delete(self, name: ModelName) -> None:
        """Remove a name, also a damaged one, and the blobs that only it used; raises ModelNotFound."""
        try:
            self.manifests.delete(name)
            self.origins.forget(name)
        finally:
            self._forget(name)

    def _forget(self, name: ModelName) -> None:
        with self._lock:
            self._loaded.pop(name, None)
            self._listed.pop(name, None)
            self._spellings.clear()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What goes wrong with the header of a stored file, as errors about the blob."""
    try:
        yield
    except FileNotFoundError:
        raise BlobNotFound(path.name.replace("-", ":", 1)) from None
    except InvalidModelFile as error:
        raise CorruptBlob(_stored_reason(error, path)) from error
    except OSError as error:
        raise store_fault(error, "reading a model") from error


def _stored_reason(error: InvalidModelFile, path: Path) -> str:
    """What the reader says, but of a stored file: nobody supplied it just now."""
    if error.message != NOT_GGUF:
        return error.message
    return "invalid file magic" if path.stat().st_size else "EOF"


def _content_stamp(path: Path) -> Stamp:
    """Size and inode of a blob: its time is set by every reuse, which changes nothing."""
    found = path.stat()
    return Stamp(0, found.st_size, found.st_ino)
