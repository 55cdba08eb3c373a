"""A `llama-server` that plays faults: an executable for `TAMPU_LLAMA_SERVER`.

The fault is the stem of the model file's name, for a child sees nothing else of the test: `die-at-3.gguf` dies after
three tokens. A stored model, whose file is called by its digest, says it in its metadata: `fault: die-at-3;`. A name
that is no fault behaves; one that ends in `-but-once` behaves from the second start of that engine on. Run by a script
that `write_fake_engine` makes.
"""

import json
import os
import re
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

TOKENS = 50
STARTED = globals().get("STARTED", "")
"""The folder, told by the script, that remembers which faults have been."""
OUT_OF_MEMORY = "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 99999999999"


def write_fake_engine(folder: Path) -> Path:
    """An executable in `folder` that runs this program."""
    program = folder / "llama-server"
    started = {"STARTED": str(folder)}
    call = f"runpy.run_path({__file__!r}, {started!r}, run_name='__main__')"
    program.write_text(f"#!{sys.executable}\nimport runpy\n{call}\n")
    program.chmod(0o755)
    return program


def main() -> None:
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        print("version: 7 (fake)")
        return
    slots = int(arguments[arguments.index("--parallel") + 1])
    fault = _due(_named(Path(arguments[arguments.index("--model") + 1])))
    _fail_at_start(fault, slots)
    path = arguments[arguments.index("--host") + 1]
    Handler.fault, Handler.slots = fault, slots
    Handler.key = os.environ["LLAMA_API_KEY"]
    with Server(path, Handler) as server:
        server.serve_forever()


def _named(model: Path) -> str:
    if not model.name.startswith("sha256-"):
        return model.stem
    with model.open("rb") as file:
        found = re.search(rb"fault: ([a-z0-9-]+);", file.read(1 << 16))
    return found[1].decode() if found else ""


def _due(fault: str) -> str:
    """The fault of this start: none where it was to happen once and has."""
    if not fault.endswith("-but-once"):
        return fault
    try:
        (Path(STARTED) / f"{fault}.started").touch(exist_ok=False)
    except FileExistsError:
        return ""
    return fault.removesuffix("-but-once")


def _fail_at_start(fault: str, slots: int) -> None:
    match fault:
        case "windows-illegal-instruction":
            os._exit(0xC000001D & 0xFF)  # as much of the code as other systems tell
        case "out-of-memory-unless-single" if slots > 1:
            sys.exit(OUT_OF_MEMORY)
        case "exit-1":
            sys.exit(1)
        case "exit-with-words":
            sys.exit("the moon is in the wrong place at /home/ann/secret/place")
        case "illegal-instruction":
            os.kill(os.getpid(), signal.SIGILL)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "out-of-memory":
            sys.exit(OUT_OF_MEMORY)
        case "never-listens":
            time.sleep(600)
        case "ignores-sigterm":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        case "chatters":
            threading.Thread(target=_chatter, daemon=True).start()


def _chatter() -> None:
    """Write more than any pipe holds: an engine whose log nobody reads stands still."""
    for number in range(20_000):
        sys.stderr.write(f"line {number} of a very talkative engine\n")


class Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


class Handler(BaseHTTPRequestHandler):
    fault = ""
    key = ""
    slots = 1
    spins = False
    asked = ""
    """The body of the request."""
    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        return "socket"

    def do_GET(self) -> None:
        if self.path == "/health":
            loading = self.fault == "never-ready"
            self._answer(503 if loading else 200, {"status": "loading" if loading else "ok"})
        elif self.spins:
            time.sleep(600)
        elif self.headers["Authorization"] != f"Bearer {self.key}":
            self._answer(401, {"error": {"code": 401, "message": "Invalid API Key"}})
        else:
            settings = {"n_ctx": 64}
            self._answer(200, {"default_generation_settings": settings, "total_slots": self.slots, "bos_token": ""})

    def do_POST(self) -> None:
        self.asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.fault == "hangs-at-any":
            time.sleep(600)
        if self.fault == "die-at-any":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.path == "/tokenize":
            self._answer(200, {"tokens": [1, 2, 3]} if self.fault != "wrong-json" else [1, 2])
        elif self.path == "/detokenize":
            self._answer(200, {"content": "three words long"})
        elif self.path == "/v1/embeddings":
            texts = json.loads(self.asked)["input"]
            data = [{"index": number, "embedding": [0.6, 0.8]} for number in range(len(texts))]
            self._answer(200, {"data": data, "usage": {"prompt_tokens": 3, "total_tokens": 3}})
        elif self.path == "/completion":
            self._complete()
        else:
            self._answer(503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}})

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _complete(self) -> None:
        if self.fault == "closes-at-once":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if self.fault == "busy":
            self._answer(503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}})
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for data in self._stream():
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
        if self.fault != "cut-without-end":
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def _stream(self) -> Any:
        end = {"content": "", "stop": True, "stop_type": "eos", "tokens_predicted": TOKENS, "tokens_evaluated": 1}
        if json.loads(self.asked).get("return_progress"):
            yield _event({"content": "", "prompt_progress": {"total": 3, "cache": 1, "processed": 3, "time_ms": 1}})
        if self.fault == "die-behind-the-prompt":
            os.kill(os.getpid(), signal.SIGKILL)
        for number in range(TOKENS):
            yield from self._token(number)
        match self.fault:
            case "no-end" | "cut-without-end":
                return
            case "wrong-counts":
                end |= {"tokens_predicted": -5}
        yield _event(end)
        if self.fault != "no-done":
            yield b"data: [DONE]\n\n"

    def _token(self, number: int) -> Any:
        data = _event({"content": f"{number} "})
        match self.fault:
            case "hangs-at-first":
                time.sleep(600)
            case "hangs-at-3" if number == 3:
                time.sleep(600)
            case "spins-at-3" if number == 3:
                Handler.spins = True
                _spin()
            case "die-at-3" if number == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            case "die-at-first":
                os.kill(os.getpid(), signal.SIGKILL)
            case "die-at-37" if number == 37:
                os.kill(os.getpid(), signal.SIGKILL)
            case "holds-who-says-so" if "speak" not in self.asked or number == 3:
                time.sleep(600)
            case "umlauts":
                data = _event({"content": f"\u00e4{number} "}, ascii_only=False)
                middle = data.index(b"\xc3") + 1
                yield data[:middle]
                data = data[middle:]
            case "pings":
                yield b": ping\n\n"
            case "crlf":
                data = data.replace(b"\n", b"\r\n")
            case "byte-by-byte":
                for byte in data:
                    yield bytes([byte])
                return
            case "error-at-3" if number == 3:
                yield _event({"error": {"code": 500, "message": "it broke", "type": "server_error"}})
                return
            case "old-error-at-3" if number == 3:
                yield b'error: {"code": 500, "message": "it broke", "type": "server_error"}\n\n'
                return
            case "nonsense-at-3" if number == 3:
                data = b"data: {nonsense\n\n"
            case "huge-at-3" if number == 3:
                for _ in range(100):
                    yield b"x" * (1 << 20)
                return
        yield data


def _spin() -> None:
    """Compute for as long as any test waits, and nothing else."""
    until = time.monotonic() + 600
    while time.monotonic() < until:
        sum(range(200_000))
        time.sleep(0.015)  # the tests beside this one need the processor too


def _event(body: dict[str, Any], *, ascii_only: bool = True) -> bytes:
    return b"data: " + json.dumps(body, ensure_ascii=ascii_only).encode() + b"\n\n"


if __name__ == "__main__":
    main()
