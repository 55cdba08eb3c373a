"""Counts the fields of requests that say nothing to us, by dialect and name: what clients ask for in vain."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

MOST_NAMES: Final = 500
"""Of all dialects together: names come from clients, and counts are kept as long as the server runs."""
OTHERS: Final = "(others)"
_NAME: Final = re.compile(r"[A-Za-z0-9_.$-]{1,64}")
_DIALECTS: Final = (("/v1/messages", "anthropic"), ("/v1/responses", "responses"), ("/v1/", "openai"))
_HEAD: Final = (
    "# HELP tampu_unknown_fields_total Fields of requests that were passed over, as nothing here knows them.\n"
    "# TYPE tampu_unknown_fields_total counter\n"
)


class PassedOver:
    """The counts. Requests are read in threads too."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def on(self, path: str) -> Callable[[Sequence[str]], None]:
        """What to call with the names of fields that were passed over in a request of this path."""
        dialect = next((name for start, name in _DIALECTS if path.startswith(start)), "native")
        return partial(self._note, dialect)

    def _note(self, dialect: str, names: Sequence[str]) -> None:
        with self._lock:
            for name in names:
                key = (dialect, name if _NAME.fullmatch(name) else OTHERS)
                is_new = key not in self._counts
                self._counts[(dialect, OTHERS) if is_new and len(self._counts) >= MOST_NAMES else key] += 1

    def written(self) -> bytes:
        """The counts as monitoring programs read them (Prometheus' text format)."""
        with self._lock:
            counts = sorted(self._counts.items())
        lines = (
            f'tampu_unknown_fields_total{{dialect="{dialect}",field="{name}"}} {count}\n'
            for (dialect, name), count in counts
        )
        return (_HEAD + "".join(lines)).encode()
