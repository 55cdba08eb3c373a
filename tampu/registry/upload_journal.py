"""Remembers unfinished uploads on disk, so that a push goes on where a killed server stopped.

One small file for each, readable by the user alone: the address of an upload is as good as a password for it.
"""

import hashlib
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from tampu.errors import BadRequest, StoreError
from tampu.wire import decode, encode

_KEPT_S: Final = 7 * 86400.0
"""Registries throw unfinished uploads away after about as long."""
_LONGEST: Final = 1 << 20


class UploadState(msgspec.Struct, frozen=True, kw_only=True):
    """How far an upload is: the first `sent` bytes are with the registry, the next part goes to `address`.

    `md5s`: of the parts that were sent whole, one after the other from the start.
    """

    address: str
    sent: int = 0
    md5s: tuple[str, ...] = ()
    redirects: bool = False
    """The registry sends each part on to another place."""


class UploadJournal:
    """The unfinished uploads below one folder. Every method touches the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, upload: str) -> UploadState | None:
        """The state that was last saved of an upload; None if there is none that is of use."""
        path = self._path(upload)
        try:
            if time.time() - path.stat().st_mtime > _KEPT_S:
                return None
            with path.open("rb") as file:
                return decode(UploadState, file.read(_LONGEST))
        except (OSError, BadRequest):
            return None

    def save(self, upload: str, state: UploadState) -> None:
        """Remember how far an upload is; raises StoreError."""
        path = self._path(upload)
        temporary = path.with_name(f"{path.name}-{secrets.token_hex(4)}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(encode(state))
            temporary.replace(path)
        except OSError as error:
            raise StoreError(f"how far an upload is could not be written: {error.strerror}") from None

    def remove(self, upload: str) -> None:
        """Forget an upload that is over."""
        with suppress(OSError):  # what stays is too old some day
            self._path(upload).unlink()

    def tidy(self) -> None:
        """Forget uploads that registries have forgotten, too."""
        for path in self._folder.glob("*"):
            try:
                if time.time() - path.stat().st_mtime > _KEPT_S:
                    path.unlink(missing_ok=True)
            except OSError:
                continue  # not ours to remove

    def _path(self, upload: str) -> Path:
        return self._folder / hashlib.sha256(upload.encode()).hexdigest()
