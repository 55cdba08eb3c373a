"""What a long job (pull, create, push) reports while it runs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """One report. With a digest it is about a layer and counts bytes; without one it is a step of the job."""

    status: str
    digest: str | None = None
    total_bytes: int | None = None
    completed_bytes: int | None = None


SUCCESS = Progress("success")
