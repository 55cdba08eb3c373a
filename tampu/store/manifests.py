"""Manifests on disk: which names exist, what each stands for, and every change of that.

Rules of a change, all inside the folder's lock:
1. A manifest is written only when every blob that it names is stored and has the size that it says.
2. It is written whole: temporary file, fsync, rename.
3. A deletion removes the name first and blobs after it, and only blobs that no manifest names, that no job pins and no
   client has just uploaded. A crash in between leaves a blob too many, never one too few.
4. As long as one manifest cannot be understood no blob is deleted, for it may name any. It can be replaced and removed.
"""

import hashlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tampu import wire
from tampu.errors import BadRequest, CorruptManifest, ModelNotFound, StoreError
from tampu.names import ModelName
from tampu.store import go_json
from tampu.store.blobs import BlobStore, TemporaryFile
from tampu.store.durable import sync_folder
from tampu.store.faults import store_faults
from tampu.store.holds import Holds
from tampu.store.layout import Layout
from tampu.store.locks import FolderLock, remove_unpinned
from tampu.store.model import Layer, Manifest
from tampu.store.opening import open_file
from tampu.store.scan import Scan, Stamp, scan

_LONGEST_MANIFEST: Final = 16 << 20
_log = logging.getLogger(__name__)


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class ReadManifest:
    """A manifest as it was read. `digest`: hex sha256 of its bytes."""

    manifest: Manifest
    digest: str
    stamp: Stamp


class ManifestStore:
    """The manifests of one models folder."""

    def __init__(self, layout: Layout, blobs: BlobStore, holds: Holds) -> None:
        self._layout, self._blobs, self._holds = layout, blobs, holds
        self._lock = FolderLock(layout.manifests)
        self._known: dict[tuple[ModelName, Stamp], Manifest | None] = {}

    # --- reading -----------------------------------------------------------------------------------------------------

    def stamp(self, name: ModelName) -> Stamp | None:
        """The stamp of a name's manifest; None if there is none."""
        try:
            return Stamp.of(self._layout.manifest(name).stat())
        except OSError:
            return None

    def scan(self) -> Scan:
        """Every name that has a manifest, in order, with its stamp, and what may hide one."""
        return scan(self._layout.manifests)

    def read(self, name: ModelName) -> ReadManifest:
        """Read and understand a manifest; raises ModelNotFound, CorruptManifest."""
        content, stamp = self._read_bytes(name)
        return ReadManifest(decode_manifest(content, name), hashlib.sha256(content).hexdigest(), stamp)

    def read_bytes(self, name: ModelName) -> bytes:
        """A manifest as it is stored, understood or not; raises ModelNotFound, CorruptManifest if it has no end."""
        return self._read_bytes(name)[0]

    def _read_bytes(self, name: ModelName) -> tuple[bytes, Stamp]:
        try:
            content, stamp = _read_file(self._layout.manifest(name))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise ModelNotFound(name.short) from None
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StoreError(f"the manifest of {name.short} cannot be read: {reason}") from error
        if len(content) > _LONGEST_MANIFEST:
            raise CorruptManifest(f"the manifest of {name.short} is too long; remove or replace the model")
        return content, stamp

    def references(self) -> set[str]:
        """Every digest that a readable manifest names."""
        return {
            digest for manifest in self._read_all(self.scan()).values() if manifest for digest in digests_of(manifest)
        }

    def all_references(self) -> set[str]:
        """Every digest that is named at all; raises StoreError where that cannot be known, and says what to do.

        That also holds where a file lies under a path that is no name of a model: it may be a manifest that somebody
        put aside. Hidden files, which file managers leave behind, are passed over unless they are manifests.
        """
        found = self.scan()
        for place in found.hidden:
            raise _unknown(f"{self._place(place.path)} {place.problem}")
        used = {digest for path in found.invalid for digest in self._digests_aside(path)}
        for name, manifest in self._read_all(found).items():
            try:
                used |= digests_of(manifest or self.read(name).manifest)
            except ModelNotFound:
                continue  # deleted by another program since the scan
            except StoreError as error:
                raise _unknown(error.message) from error
        return used

    def _digests_aside(self, path: Path) -> set[str]:
        place = self._place(path)
        if not any(part.startswith(".") for part in path.relative_to(self._layout.manifests).parts):
            raise _unknown(f"{place} is no name of a model; move the file away")
        try:
            return digests_of(_decode(_read_file(path)[0], place))
        except (OSError, StoreError):
            return set()

    def _place(self, path: Path) -> str:
        return str(path.relative_to(self._layout.root))

    def _read_all(self, found: Scan) -> dict[ModelName, Manifest | None]:
        """Each manifest, read only if it is new; None for one that cannot be read."""
        self._known = {(name, stamp): self._manifest_at(name, stamp) for name, stamp in found.names.items()}
        return {name: manifest for (name, _), manifest in self._known.items()}

    def _manifest_at(self, name: ModelName, stamp: Stamp) -> Manifest | None:
        if (name, stamp) in self._known:
            return self._known[name, stamp]
        try:
            return self.read(name).manifest
        except (ModelNotFound, StoreError):
            return None

    # --- changing ----------------------------------------------------------------------------------------------------

    def commit(
        self, name: ModelName, content: bytes, *, keep_unused: bool, written: Callable[[], None] = _nothing
    ) -> int:
        """Make `name` stand for `content` (a manifest's bytes); how many blobs of the replaced one were deleted.

        `written` is called when the name means the new one and before blobs of the old one go, so that nobody who
        asks then is given what is about to go. Raises StoreError if a blob that it names is missing or cut: the caller
        may store it again and try anew.
        """
        manifest = decode_manifest(content, name)
        with self._lock.held():
            self._check_whole(name, manifest)
            replaced = self._replaced_digests(name)
            self._write(name, content)
            written()
            self._holds.release(digests_of(manifest))
            return 0 if keep_unused else self._delete_unused(replaced)

    def copy(
        self,
        source: ModelName,
        destination: ModelName,
        *,
        keep_unused: bool,
        written: Callable[[], None] = _nothing,
    ) -> None:
        """Give `destination` the very bytes of `source`'s manifest; raises ModelNotFound. `written`: as in `commit`."""
        with self._lock.held():
            content, _ = self._read_bytes(source)
            replaced = self._replaced_digests(destination)
            self._write(destination, content)
            written()
            if not keep_unused:
                self._delete_unused(replaced)

    def delete(self, name: ModelName) -> None:
        """Forget the name, then the blobs that only it used; raises ModelNotFound.

        Of one whose manifest cannot be understood only the name goes: what it used is for a purge to find.
        """
        with self._lock.held():
            digests = self._named_by(name)
            path = self._layout.manifest(name)
            with store_faults(f"deleting {name.short}"):
                path.unlink()
                sync_folder(path.parent)
                remove_empty_parents(path, self._layout.manifests)
            self._delete_unused(digests)

    @property
    def lock(self) -> FolderLock:
        """The lock that every change takes, for maintenance of the whole folder."""
        return self._lock

    def _check_whole(self, name: ModelName, manifest: Manifest) -> None:
        for layer in layers_of(manifest):
            path = self._layout.blob(layer.digest)
            try:
                size = path.stat().st_size
            except OSError:
                size = None
            if size != layer.size:
                state = "is not stored any more" if size is None else f"has {size} bytes instead of {layer.size}"
                raise StoreError(f"cannot write the manifest of {name.short}: blob {layer.digest} {state}; try again")

    def _named_by(self, name: ModelName) -> set[str]:
        """The digests of a stored manifest, none of a damaged one; raises ModelNotFound."""
        try:
            return digests_of(self.read(name).manifest)
        except StoreError as error:
            _log.warning("blobs may stay that nothing uses: %s", error.message)
            return set()

    def _replaced_digests(self, name: ModelName) -> set[str]:
        try:
            return self._named_by(name)
        except ModelNotFound:
            return set()

    def _write(self, name: ModelName, content: bytes) -> None:
        path = self._layout.manifest(name)
        with TemporaryFile(self._layout) as temporary, store_faults(f"writing the manifest of {name.short}"):
            temporary.write(content)
            temporary.sync()
            _make_folders(path.parent, self._layout.root)
            temporary.path.replace(path)
            sync_folder(path.parent)

    def _delete_unused(self, candidates: set[str]) -> int:
        self._holds.release(())
        if not candidates:
            return 0
        try:
            unused = candidates - self.all_references()
        except StoreError as error:
            _log.warning("blobs stay that may not be used any more: %s", error.message)
            return 0
        return sum(self._delete_blob(digest) for digest in unused if digest not in self._holds)

    def _delete_blob(self, digest: str) -> bool:
        try:
            path = self._layout.blob(digest)
        except BadRequest:
            return False  # a damaged manifest named no digest
        with store_faults("deleting a blob"):
            return remove_unpinned(path)


def decode_manifest(content: bytes, name: ModelName) -> Manifest:
    """Understand a manifest's bytes, keys in any case, unknown ones left out; raises CorruptManifest."""
    return _decode(content, f"the manifest of {name.short}")


def _decode(content: bytes, what: str) -> Manifest:
    try:
        return wire.decode(Manifest, content)
    except BadRequest as error:
        reason = "it is empty" if not content.strip() else error.message.removeprefix("json: ")
        raise CorruptManifest(f"{what} is damaged: {reason}; create or pull it again, or remove it") from None


def _read_file(path: Path) -> tuple[bytes, Stamp]:
    """At most a byte more than a manifest may have; raises OSError, also for what is no regular file."""
    with os.fdopen(open_file(path), "rb") as file:
        return file.read(_LONGEST_MANIFEST + 1), Stamp.of(os.fstat(file.fileno()))


def _unknown(reason: str) -> CorruptManifest:
    return CorruptManifest(f"nothing counts as unused while a model cannot be read: {reason}")


def encode_manifest(manifest: Manifest) -> bytes:
    """The bytes of a manifest that is made here."""
    return go_json.encode(
        {
            "schemaVersion": manifest.schema_version,
            "mediaType": manifest.media_type,
            "config": _layer_fields(manifest.config),
            "layers": [_layer_fields(layer) for layer in manifest.layers] or None,
        }
    )


def _layer_fields(layer: Layer) -> dict[str, object]:
    fields: dict[str, object] = {"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size}
    if layer.parent:
        fields["from"] = layer.parent
    if layer.name:
        fields["name"] = layer.name
    return fields


def layers_of(manifest: Manifest) -> tuple[Layer, ...]:
    """All blobs of a manifest: its layers and, where it has one, its config."""
    return (*manifest.layers, manifest.config) if manifest.config.digest else manifest.layers


def digests_of(manifest: Manifest) -> set[str]:
    """The digests that a manifest names, in the usual spelling."""
    return {layer.digest.replace("sha256-", "sha256:", 1) for layer in layers_of(manifest)}


def remove_empty_parents(path: Path, root: Path) -> None:
    """Remove the folders above `path` that are empty, up to but not including `root`."""
    for folder in path.parents:
        if folder == root:
            return
        try:
            folder.rmdir()
        except OSError:
            return  # not empty: something else lives there


def _make_folders(folder: Path, root: Path) -> None:
    """Make the folder and its parents below `root`, durably."""
    missing = [folder, *folder.parents]
    missing = [each for each in missing if root in (each, *each.parents) and not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        sync_folder(each.parent)
