"""The rows of `list`, `ps` and their kin."""

from collections.abc import Sequence

from tampu.client.answers import ListedModel, LoadedModel, QueuedRequest, Unfinished
from tampu.terminal.console import printable
from tampu.terminal.table import table
from tampu.units import format_bytes, format_moment, parse_timestamp


def models_table(models: Sequence[ListedModel], *, now: float) -> str:
    """The table of `list`; `now` in seconds since the epoch."""
    return table(
        ("NAME", "ID", "SIZE", "MODIFIED"),
        [
            (
                printable(model.name),
                printable(model.digest[:12]),
                "-" if model.remote_model else format_bytes(model.size),
                format_moment(parse_timestamp(model.modified_at), now=now, never="Never"),
            )
            for model in models
        ],
    )


def loaded_table(models: Sequence[LoadedModel], *, now: float) -> str:
    """The table of `ps`; `now` in seconds since the epoch."""
    return table(
        ("NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL"),
        [
            (
                printable(model.name),
                printable(model.digest[:12]),
                format_bytes(model.size),
                processor(model.size, model.size_vram),
                str(model.context_length),
                _until(parse_timestamp(model.expires_at), now),
            )
            for model in models
        ],
    )


def queue_table(requests: Sequence[QueuedRequest], *, now: float) -> str:
    """The table of `ps --queue`; `now` in seconds since the epoch."""
    return table(
        ("ID", "MODEL", "STATE", "SINCE", "CLIENT"),
        [
            (
                printable(request.id),
                printable(request.model),
                printable(request.state) + (f" ({request.position})" if request.position else ""),
                format_moment(parse_timestamp(request.since), now=now, never="Never"),
                printable(request.client),
            )
            for request in requests
        ],
    )


def unfinished_table(downloads: Sequence[Unfinished], *, now: float) -> str:
    """The table of `pull --list-partial`; `now` in seconds since the epoch."""
    return table(
        ("NAME", "LAYER", "SIZE", "DONE", "MODIFIED"),
        [
            (
                printable(each.model) or "-",
                printable(each.digest.removeprefix("sha256:")[:12]),
                format_bytes(each.size) if each.size else "-",
                f"{100 * each.completed // each.size}%" if each.size else "-",
                "running" if each.running else format_moment(parse_timestamp(each.modified_at), now=now, never="Never"),
            )
            for each in downloads
        ],
    )


def processor(size: int, on_gpu: int) -> str:
    """Where a model's bytes lie, in percent."""
    if on_gpu == 0:
        return "100% CPU"
    if on_gpu == size:
        return "100% GPU"
    if on_gpu > size:
        return "Unknown"
    on_cpu = int((size - on_gpu) / size * 100 + 0.5)
    return f"{on_cpu}%/{100 - on_cpu}% CPU/GPU"


def _until(expires: float | None, now: float) -> str:
    # The zero time is long past, too.
    if expires is None or expires < now:
        return "Stopping..."
    return format_moment(expires, now=now, never="Never")
