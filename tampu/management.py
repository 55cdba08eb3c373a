"""Requests about models rather than to them: create, copy, pull, verify and the like. Decoded from any dialect."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tampu.messages import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRequest:
    """Make `model` from another model (`base`) or from uploaded blobs (`files`: path -> digest).

    Whoever makes one sees to it that paths are relative and lead nowhere else, and that no digest is empty.
    None means "not given": `files` None is another error than an empty one. Empty texts keep what is inherited.
    """

    model: str
    stream: bool = True
    base: str = ""
    files: Mapping[str, str] | None = None
    adapters: Mapping[str, str] | None = None
    draft_files: Mapping[str, str] | None = None
    template: str = ""
    system: str = ""
    licenses: tuple[str, ...] = ()
    license_fault: str = ""
    """What is wrong with the licences of the request; it is told only when they would be written."""
    parameters: Mapping[str, object] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    quantize: str = ""
    draft_quantize: str = ""
    renderer: str = ""
    parser: str = ""
    requires: str = ""
    remote_host: str = ""
    info: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CopyRequest:
    """Give `source`'s manifest the name `destination` too."""

    source: str
    destination: str


@dataclass(frozen=True, slots=True)
class DeleteRequest:
    """Forget `model` and the blobs that nothing else uses."""

    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRequest:
    """Describe `model`. `verbose`: with array metadata; `system` and `options` are shown over the stored ones."""

    model: str
    verbose: bool = False
    system: str = ""
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRequest:
    """Pull or push `model`. `insecure` allows plain http; `limit_rate` is bytes a second of a pull, 0 for no limit."""

    model: str
    stream: bool = True
    insecure: bool = False
    limit_rate: int = 0


@dataclass(frozen=True, slots=True)
class AdoptRequest:
    """Store the file at `path`, on the server's own machine, as the blob `digest` without sending it.

    `or_point`: rather than copy it between file systems, point to it.
    """

    digest: str
    path: str
    or_point: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """Hash what is stored and compare: the blobs of `models`, or all where none is named."""

    models: tuple[str, ...] = ()
    stream: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeRequest:
    """Remove what no model uses; `dry_run` only tells what that is."""

    dry_run: bool = False
    stream: bool = True
