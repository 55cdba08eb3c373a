"""Where each stored model came from, kept beside the manifests, which stay as their registry wrote them.

A record holds the digest of the manifest that it is about, so one that another program's pull left behind says nothing.
It is for people to read and decides nothing; that none can be written or read is no reason to fail.
"""

import contextlib
import hashlib
import logging
import secrets
from collections import OrderedDict
from pathlib import Path
from typing import Final

import msgspec

from tampu import wire
from tampu.descriptions import Origin, OriginKind
from tampu.names import ModelName
from tampu.store.layout import Layout

_log = logging.getLogger(__name__)
_LONGEST_RECORD: Final = 4096
_LONGEST_PLACE: Final = 300
_MOST_NOTED: Final = 256


class _Record(msgspec.Struct):
    """`manifest`: hex sha256 of the manifest's bytes."""

    manifest: str
    kind: str
    place: str


class Origins:
    """The origins of the models of one folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._noted: OrderedDict[str, Origin] = OrderedDict()

    def note(self, digest: str, origin: Origin) -> None:
        """Remember, for as long as this process lives, where a blob that no manifest names yet is from."""
        self._noted[digest] = origin
        while len(self._noted) > _MOST_NOTED:
            self._noted.popitem(last=False)

    def noted(self, digest: str) -> Origin | None:
        """What was noted of a blob."""
        return self._noted.get(digest)

    def read(self, name: ModelName, manifest_digest: str) -> Origin | None:
        """Where the manifest of that digest came from; None where nobody knows."""
        record = self._record(name)
        if record is None or record.manifest != manifest_digest:
            return None
        try:
            return Origin(OriginKind(record.kind), _displayed(record.place))
        except ValueError:
            return None  # of a later version

    def write(self, name: ModelName, manifest: bytes, origin: Origin | None) -> None:
        """Keep the origin of what `name` stands for now; None forgets it."""
        if origin is None:
            self.forget(name)
            return
        digest = hashlib.sha256(manifest).hexdigest()
        self._write(name, _Record(digest, origin.kind.value, _displayed(origin.place)))

    def copy(self, source: ModelName, destination: ModelName) -> None:
        """Let the copy of a model be from where the model is."""
        record = self._record(source)
        if record is None:
            self.forget(destination)
        else:
            self._write(destination, record)

    def forget(self, name: ModelName) -> None:
        """Keep nothing of that name, nor folders that held only it."""
        path = self._layout.origin(name)
        with contextlib.suppress(OSError):
            path.unlink()
        with contextlib.suppress(OSError):  # the first folder that is not empty ends it
            for folder in path.parents[: len(name.parts)]:
                folder.rmdir()

    def _record(self, name: ModelName) -> _Record | None:
        try:
            with self._layout.origin(name).open("rb") as file:
                return msgspec.json.decode(file.read(_LONGEST_RECORD), type=_Record)
        except (OSError, msgspec.DecodeError):
            return None

    def _write(self, name: ModelName, record: _Record) -> None:
        path = self._layout.origin(name)
        temporary = path.with_name(f".{secrets.token_hex(8)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(wire.encode(record))
            temporary.replace(path)
        except OSError as error:
            _log.info("the origin of %s is not kept: %s", name.short, error.strerror)
            _remove(temporary)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _displayed(place: str) -> str:
    """The place as it may be shown: one line, not too long, nothing that steers a terminal."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in place[:_LONGEST_PLACE])
