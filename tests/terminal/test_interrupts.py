import os
import signal
import socket

import pytest

from tampu.terminal.interrupts import heard_interrupts


def test_a_signal_that_came_before_the_read_is_heard_during_it() -> None:
    """The handler of the signal asks for the interrupt, as Python's own does, but the read has begun already."""
    ours, _theirs = socket.socketpair()
    seen: list[int] = []

    def note(number: int, _: object) -> None:
        seen.append(number)
        if len(seen) == 2:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, note)
    try:
        with ours, _theirs, heard_interrupts():
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
            os.kill(os.getpid(), signal.SIGUSR1)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
            signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGUSR1))
            with pytest.raises(KeyboardInterrupt):
                ours.recv(1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert signal.getsignal(signal.SIGALRM) in {signal.SIG_DFL, None}
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
