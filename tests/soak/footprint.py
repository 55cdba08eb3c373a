"""What a server holds, as the system sees it."""

import socket
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Footprint:
    """Open files, threads, child processes, open connections and resident bytes of one process."""

    files: int
    threads: int
    children: int
    connections: int
    resident: int

    @classmethod
    def of(cls, pid: int) -> "Footprint":
        process = psutil.Process(pid)
        open_ones = [each for each in process.net_connections("tcp") if each.status != psutil.CONN_LISTEN]
        return cls(
            process.num_fds(),
            process.num_threads(),
            len(process.children(recursive=True)),
            sum(each.family in {socket.AF_INET, socket.AF_INET6} for each in open_ones),
            process.memory_info().rss,
        )

    def left_over(self, before: "Footprint") -> list[str]:
        """What there is more of than there was, in words; memory aside, which never shrinks to the byte."""
        names = ("files", "children", "connections")
        return [
            f"{name}: {getattr(self, name)} after {getattr(before, name)}"
            for name in names
            if getattr(self, name) > getattr(before, name)
        ]


def engines(pid: int) -> list[psutil.Process]:
    """The engines below a server."""
    return [child for child in psutil.Process(pid).children() if child.status() != psutil.STATUS_ZOMBIE]
