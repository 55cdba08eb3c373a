"""Where things lie in the models folder. `Layout.blob` is the one function that turns a digest into a path."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tampu.errors import BadRequest
from tampu.names import ModelName

_DIGEST = re.compile(r"sha256[:-]([0-9a-fA-F]{64})", re.ASCII)
_BLOB_FILE = re.compile(r"sha256-[0-9a-f]{64}", re.ASCII)
_OLD_BLOB_FILE = re.compile(r"sha256:[0-9a-fA-F]{64}", re.ASCII)
_PARTIAL_FILE = re.compile(r"(sha256-[0-9a-fA-F]{64}-partial)(-[0-9]+)?", re.ASCII)

WORK_FOLDER_PREFIX: Final = "pip-"
"""Begins the names of folders, beside the blobs, in which a source of models unpacks what it fetches."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths below one models folder. Knows names only and never touches the disk."""

    root: Path

    @property
    def blobs(self) -> Path:
        """The folder of all content."""
        return self.root / "blobs"

    @property
    def manifests(self) -> Path:
        """The folder of all names."""
        return self.root / "manifests"

    def blob(self, digest: str) -> Path:
        """The path of a digest's blob; raises BadRequest for a text that is no digest.

        `sha256-` is another spelling of `sha256:`. Digits keep their case, so capitals name a file that never exists.
        """
        match = _DIGEST.fullmatch(digest)
        if match is None:
            raise BadRequest("invalid digest format")
        return self.blobs / f"sha256-{match[1]}"

    @property
    def views(self) -> Path:
        """The folder of our own translations of blobs, on the file system of the blobs; Ollama does not look there."""
        return self.root / ".tampu" / "views"

    def origin(self, name: ModelName) -> Path:
        """The path of our own note of where a name's model came from; Ollama does not look there."""
        return self.root.joinpath(".tampu", "origins", *name.parts)

    def manifest(self, name: ModelName) -> Path:
        """The path of a name's manifest. Every part of a valid name is safe as one component."""
        return self.manifests.joinpath(*name.parts)


def digest_of_file(name: str) -> str | None:
    """The digest that a file of the blobs folder is called after; None for temporary, partial and foreign files."""
    return name.replace("-", ":", 1) if _BLOB_FILE.fullmatch(name) else None


def is_old_spelling(name: str) -> bool:
    """A blob named as early versions of Ollama did, with a colon."""
    return _OLD_BLOB_FILE.fullmatch(name) is not None


def partial_of_file(name: str) -> str | None:
    """The unfinished download that a file is, or that it holds the state of a part of; None for any other file."""
    match = _PARTIAL_FILE.fullmatch(name)
    return match[1] if match else None


def temporary_name(random: str) -> str:
    """A file name for content whose digest is not known yet; start-up pruning, ours and Ollama's, knows the form."""
    return f"sha256-{random}"
