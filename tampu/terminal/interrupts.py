"""Makes Ctrl-C heard while a blocking read waits."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_PERIOD_S: Final = 0.25


@contextmanager
def heard_interrupts() -> Iterator[None]:
    """Inside, Ctrl-C raises KeyboardInterrupt within a quarter of a second, whatever the main thread waits for.

    Python looks at signals between its own steps. One that comes just before a read enters the system is seen only
    when that read returns, which may be never; a timer that interrupts the read lets it be seen.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, _PERIOD_S, _PERIOD_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
