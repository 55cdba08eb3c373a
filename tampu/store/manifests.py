"""Manifests on disk: which names exist, what each stands for, and every change of that.

Rules of a change, all inside the folder's lock:
1. A manifest is written only when every blob that it names is stored and has the size that it says.
2. It is written whole: temporary file, fsync, rename.
3. A deletion removes the name first and blobs after it, and only blobs that no readable manifest names, that no job
   pins and no client has just uploaded. A crash in between leaves a blob too many, never one too few.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tampu import wire
from tampu.errors import BadRequest, CorruptManifest, InvalidName, ModelNotFound, StoreError
from tampu.names import ModelName
from tampu.store import go_json
from tampu.store.blobs import BlobStore, TemporaryFile
from tampu.store.durable import sync_folder
from tampu.store.faults import store_faults
from tampu.store.holds import Holds
from tampu.store.layout import Layout
from tampu.store.locks import FolderLock, remove_unpinned
from tampu.store.model import Layer, Manifest

_LONGEST_MANIFEST: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells one version of a file from another without reading it."""

    modified_ns: int
    size: int
    inode: int

    @classmethod
    def of(cls, found: os.stat_result) -> "Stamp":
        """The stamp of a file's status."""
        return cls(found.st_mtime_ns, found.st_size, found.st_ino)


@dataclass(frozen=True, slots=True)
class ReadManifest:
    """A manifest as it was read. `digest`: hex sha256 of its bytes."""

    manifest: Manifest
    digest: str
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Scan:
    """One look at the manifests folder. `invalid`: files in the place of a manifest whose path is no valid name."""

    names: Mapping[ModelName, Stamp]
    invalid: tuple[Path, ...] = ()


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
        """Every name that has a manifest, in order, with its stamp."""
        names: dict[ModelName, Stamp] = {}
        invalid: list[Path] = []
        for parts, stamp in _files_at_depth(str(self._layout.manifests), depth=4):
            try:
                names[ModelName(*parts)] = stamp
            except InvalidName:
                invalid.append(self._layout.manifests.joinpath(*parts))
        return Scan(dict(sorted(names.items())), tuple(invalid))

    def read(self, name: ModelName) -> ReadManifest:
        """Read and understand a manifest; raises ModelNotFound, CorruptManifest."""
        content, stamp = self._read_bytes(name)
        return ReadManifest(decode_manifest(content, name), hashlib.sha256(content).hexdigest(), stamp)

    def _read_bytes(self, name: ModelName) -> tuple[bytes, Stamp]:
        try:
            with self._layout.manifest(name).open("rb") as file:
                stamp = Stamp.of(os.fstat(file.fileno()))
                content = file.read(_LONGEST_MANIFEST + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise ModelNotFound(name.short) from None
        except OSError as error:
            raise StoreError(f"the manifest of {name.short} cannot be read: {error.strerror}") from error
        if len(content) > _LONGEST_MANIFEST:
            raise CorruptManifest(f"the manifest of {name.short} is too long; remove or replace the model")
        return content, stamp

    def references(self) -> set[str]:
        """Every digest that a readable manifest names."""
        scan = self.scan()
        known = {(name, stamp): self._manifest_at(name, stamp) for name, stamp in scan.names.items()}
        self._known = known
        return {digest for manifest in known.values() if manifest for digest in digests_of(manifest)}

    def _manifest_at(self, name: ModelName, stamp: Stamp) -> Manifest | None:
        """The manifest, read only if it is new; None if it cannot be read."""
        if (name, stamp) in self._known:
            return self._known[name, stamp]
        try:
            return self.read(name).manifest
        except (CorruptManifest, ModelNotFound, StoreError):
            return None

    # --- changing ----------------------------------------------------------------------------------------------------

    def commit(self, name: ModelName, content: bytes, *, keep_unused: bool) -> int:
        """Make `name` stand for `content` (a manifest's bytes); how many blobs of the replaced one were deleted.

        Raises StoreError if a blob that it names is missing or cut: the caller may store it again and try anew.
        """
        manifest = decode_manifest(content, name)
        with self._lock.held():
            self._check_whole(name, manifest)
            replaced = self._replaced_digests(name)
            self._write(name, content)
            self._holds.release(digests_of(manifest))
            return 0 if keep_unused else self._delete_unused(replaced)

    def copy(self, source: ModelName, destination: ModelName, *, keep_unused: bool) -> None:
        """Give `destination` the very bytes of `source`'s manifest; raises ModelNotFound."""
        with self._lock.held():
            content, _ = self._read_bytes(source)
            replaced = self._replaced_digests(destination)
            self._write(destination, content)
            if not keep_unused:
                self._delete_unused(replaced)

    def delete(self, name: ModelName) -> None:
        """Forget the name, then the blobs that only it used; raises ModelNotFound, CorruptManifest."""
        with self._lock.held():
            manifest = self.read(name).manifest
            path = self._layout.manifest(name)
            with store_faults(f"deleting {name.short}"):
                path.unlink()
                sync_folder(path.parent)
                remove_empty_parents(path, self._layout.manifests)
            self._delete_unused(digests_of(manifest))

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

    def _replaced_digests(self, name: ModelName) -> set[str]:
        try:
            return digests_of(self.read(name).manifest)
        except (ModelNotFound, CorruptManifest):
            return set()

    def _write(self, name: ModelName, content: bytes) -> None:
        path = self._layout.manifest(name)
        with TemporaryFile(self._layout) as temporary, store_faults(f"writing the manifest of {name.short}"):
            temporary.write(content)
            temporary.sync()
            _make_folders(path.parent, self._layout.root)
            temporary.path.replace(path)
            sync_folder(path.parent)

    def _delete_unused(self, candidates: Iterable[str]) -> int:
        self._holds.release(())
        candidates = set(candidates)
        unused = candidates - self.references() if candidates else set()
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
    try:
        return wire.decode(Manifest, content)
    except BadRequest as error:
        reason = "it is empty" if not content.strip() else error.message.removeprefix("json: ")
        raise CorruptManifest(f"the manifest of {name.short} is damaged: {reason}; create or pull it again") from None


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


def _files_at_depth(folder: str, depth: int, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Stamp]]:
    """Files exactly `depth` levels down, as the parts of their paths, with their stamps."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return  # gone since it was listed, or not ours to read
    for entry in entries:
        parts = (*above, entry.name)
        try:
            if depth > 1 and entry.is_dir():
                yield from _files_at_depth(entry.path, depth - 1, parts)
            elif depth == 1 and entry.is_file():
                yield parts, Stamp.of(entry.stat())
        except OSError:
            continue
