"""What the engine of each model wrote: of the one that runs now, or of the last one that ran or failed."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tampu.engine.log_watch import LogTail
from tampu.errors import EngineError, EngineStartFailed

_REMEMBERED: Final = 32


class EngineLogs:
    """The logs by the path of the weights, those of the last models that were loaded."""

    def __init__(self) -> None:
        self._logs: OrderedDict[Path, LogTail] = OrderedDict()

    def note(self, weights: Path, log: LogTail) -> None:
        """An engine for these weights writes there."""
        self._logs[weights] = log
        self._logs.move_to_end(weights)
        while len(self._logs) > _REMEMBERED:
            self._logs.popitem(last=False)

    @contextmanager
    def noting_failure(self, weights: Path) -> Iterator[None]:
        """The block starts an engine for these weights; what it wrote before it failed is kept."""
        try:
            yield
        except EngineError as error:
            log = LogTail()
            for line in (error.log_tail if isinstance(error, EngineStartFailed) else "").splitlines():
                log.add(line)
            log.add(error.message)
            self.note(weights, log)
            raise

    def of(self, weights: Path) -> LogTail | None:
        """What was written for these weights; None where no engine was started lately."""
        return self._logs.get(weights)
