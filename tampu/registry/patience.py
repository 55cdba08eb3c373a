"""How long a download waits, how often it tries again and how many bytes of an answer it takes."""

import random
from dataclasses import dataclass
from typing import Final

MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Patience:
    """The limits of one transfer. A failure counts only if the attempt before it brought no byte."""

    connect_s: float = 8.0
    """To resolve, connect and shake hands."""
    silence_s: float = 30.0
    """Without a byte, before the first one as well as between two."""
    retries: int = 6
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0
    answer_s: float = 120.0
    """For a registry to answer to a part that it has whole, with what is still on its way."""
    commit_s: float = 1800.0
    """For a registry to end an upload: it may read all of it again."""
    locate_s: float = 30.0
    """To find out where the registry keeps a blob."""
    document_s: float = 60.0
    """For the whole of a manifest or a token: of anything that is no blob."""
    max_document_bytes: int = MIB
    max_redirects: int = 10

    def pause_s(self, failures: int, asked_s: float | None = None) -> float:
        """The wait after the n-th failure in a row: doubling, never all clients at once, longer if the server asks."""
        doubled = self.first_pause_s * (1 << max(failures - 1, 0))
        jittered = doubled * random.uniform(0.8, 1.2)  # noqa: S311  # spreads load, protects nothing
        return min(max(jittered, asked_s or 0.0), self.longest_pause_s)
