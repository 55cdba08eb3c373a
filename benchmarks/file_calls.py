"""Which files a running process touches, by a trace of its system calls (strace, where there is one and it may)."""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CALLS = "%file,read,pread64,readv,write,pwrite64,writev,fstat,lseek,fsync,fdatasync,getdents64,mmap"
_NAMED = re.compile(r'^\d+ +\w+\((?:AT_FDCWD[^,]*, )?"(?P<path>[^"]*)"')
_OPEN = re.compile(r"^\d+ +\w+\([^<>]*<(?P<path>/[^>]*)>")
_NOT_ON_DISK = ("/dev/", "/proc/", "/sys/", "/memfd:")


class Touched:
    """The calls on files of a disk, once the block is left: `lines` as strace writes them."""

    def __init__(self, trace: Path) -> None:
        self.lines: list[str] = []
        self._trace, self._forgotten = trace, 0

    def forget(self) -> None:
        """Do not count what was done so far. The tracer writes a call down before it lets the process go on."""
        self._forgotten = self._trace.stat().st_size

    def read(self) -> None:
        """Fill `lines`."""
        text = self._trace.read_bytes()[self._forgotten :].decode(errors="replace")
        self.lines = [line for line in text.splitlines() if _is_of_disk(line)]


def why_not() -> str:
    """Why no process can be traced here; empty where one can."""
    if not Path("/proc/self/task").is_dir():
        return "not measured: needs Linux"
    return "" if shutil.which("strace") else "not measured: strace is not installed"


@contextmanager
def touched_files(pid: int) -> Iterator[Touched]:
    """What all threads of a process do inside the block; raises OSError where it may not be traced."""
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace"
        touched = Touched(trace)
        command = ["strace", "-f", "-y", "-qq", "-e", f"trace={_CALLS}", "-o", str(trace), "-p", str(pid)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
            try:
                _wait_for_tracer(pid, tracer)
                yield touched
            finally:
                tracer.terminate()
                tracer.wait(30)
        touched.read()


def _wait_for_tracer(pid: int, tracer: "subprocess.Popen[str]") -> None:
    while not all("TracerPid:\t0" not in each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/status")):
        if tracer.poll() is not None:
            reason = tracer.stderr.read().strip() if tracer.stderr else ""
            raise OSError(f"not measured: {reason.splitlines()[0] if reason else 'strace ended'}")
        time.sleep(0.01)


def _is_of_disk(line: str) -> bool:
    found = _NAMED.match(line) or _OPEN.match(line)
    return found is not None and not found["path"].startswith(_NOT_ON_DISK)
