"""The program of an engine's process: hosts the bundled engine, or becomes an engine binary, and dies with its parent.

Run by path, with one line of JSON on stdin (see `launch.py`). It imports nothing of Tampu, so that it starts fast and
whatever way Tampu itself was found. stdin stays open for life: its end means that the parent is gone, or done with us.

The line holds `parent` (process id) and either `command` and `environment` (a program to become) or `import_paths`,
`parameters` and `ready_mark`: once the model is loaded, a line of that mark and the address is written to stderr.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_LOAD_FAILED = 70
_PARENT_GONE = 0
# Of the engine's library: its log, and what writes all that waits there and ends the thread that does so.
_LOG, _END_LOG = "_Z15common_log_mainv", "_Z16common_log_pauseP10common_log"
_LOG_GRACE_S = 0.5

# Parameters whose values are members of one of the engine's enumerations.
_ENUMERATIONS = {
    "cache_type_k": "ggml_type",
    "cache_type_v": "ggml_type",
    "flash_attn_type": "llama_flash_attn_type",
    "load_mode": "llama_load_mode",
    "pooling_type": "llama_pooling_type",
    "speculative.types": "common_speculative_type",
}


def main() -> None:
    """Confine this process, then serve or become a binary."""
    task = json.loads(sys.stdin.buffer.readline())
    _confine(task["parent"])
    if "command" in task:
        _become(task["command"], task["environment"])
    threading.Thread(target=_die_with_parent, daemon=True).start()
    sys.path[:] = task["import_paths"]
    _serve(task["parameters"], task["ready_mark"])


def _confine(parent: int) -> None:
    """Limits that hold before any line of a model file is read."""
    os.umask(0o077)
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415  # Unix only

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not sys.platform.startswith("linux"):
        return
    system = ctypes.CDLL(None)
    system.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    system.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have died before the line above took hold.
    if os.getppid() != parent:
        os._exit(_PARENT_GONE)
    _prefer_as_victim()


def _prefer_as_victim() -> None:
    """Where memory runs out, the kernel shall end the engine and not the server."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123  # pathlib costs start-up time
            file.write("500")
    except OSError:
        pass


def _die_with_parent() -> NoReturn:
    """Wait for the end of stdin, which comes however the parent ends, and on every system."""
    while os.read(0, 4096):
        pass
    os._exit(_PARENT_GONE)


def _become(command: list[str], environment: dict[str, str]) -> NoReturn:
    """Turn into `command`; the limits, and on Linux the death with the parent, stay in force."""
    if sys.platform.startswith("linux"):
        quiet = os.open(os.devnull, os.O_RDONLY)
        os.dup2(quiet, 0)
        os.execve(command[0], command, environment)  # noqa: S606  # a program that the user's settings name
    child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)

    def end_with_parent() -> None:
        while os.read(0, 4096):
            pass
        child.kill()

    threading.Thread(target=end_with_parent, daemon=True).start()
    os._exit(child.wait() & 0xFF)


def _serve(parameters: dict[str, Any], ready_mark: str) -> NoReturn:
    """Load the model and answer requests until stdin ends."""
    with _kept_affinity():
        import xllamacpp  # noqa: PLC0415  # maps 34 MB of library; only after the limits stand

    settings = xllamacpp.CommonParams()
    for name, value in parameters.items():
        _set(xllamacpp, settings, name, value)
    # Fitting reads the whole header once more; without a device there is nothing to fit.
    settings.fit_params = settings.fit_params and _has_device(xllamacpp)
    try:
        server = xllamacpp.Server(settings)
    except RuntimeError:
        _end_log(xllamacpp.xllamacpp.__file__)
        sys.exit(_LOAD_FAILED)
    os.write(2, f"\n{ready_mark} {server.listening_address}\n".encode())
    threading.Event().wait()
    os._exit(_PARENT_GONE)


def _end_log(library: str) -> None:
    """See the engine's log written to its end: that is the work of a thread that no exit waits for."""
    try:
        exported = ctypes.CDLL(library)
        log, end = exported[_LOG], exported[_END_LOG]
    except (OSError, AttributeError):
        # Another compiler has other names.
        time.sleep(_LOG_GRACE_S)
        return
    log.restype, end.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
    end(log())


@contextmanager
def _kept_affinity() -> Iterator[None]:
    """OpenMP, told to bind threads, binds the thread that loads it, from which all others would inherit that core."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, allowed)


def _has_device(engine: Any) -> bool:
    """Whether there is anything to compute on beside the processor."""
    processor = engine.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU
    return any(device["type"] != processor for device in engine.get_device_info())


def _set(engine: Any, settings: Any, name: str, value: Any) -> None:
    """Set a parameter by its dotted name."""
    if name in _ENUMERATIONS:
        members = getattr(engine, _ENUMERATIONS[name])
        value = [getattr(members, item) for item in value] if isinstance(value, list) else getattr(members, value)
    elif name == "lora_adapters":
        value = [engine.CommonAdapterLoraInfo(path, 1.0) for path in value]
    *owners, last = name.split(".")
    for owner in owners:
        settings = getattr(settings, owner)
    setattr(settings, last, value)


if __name__ == "__main__":
    main()
