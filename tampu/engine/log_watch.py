"""What an engine writes: keeps the end of it, and knows the lines that say why it cannot work."""

import re
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tampu.engine.constraint_log import ConstraintLog
from tampu.errors import EngineError, EngineOutOfMemory, EngineStartFailed

TAIL_LINES: Final = 80
LINE_LIMIT: Final = 2_000
_STAMP = re.compile(r"^[0-9]+(?:\.[0-9]+){2,3} [A-Z] ")
_SYSTEM_INFO = re.compile(r"system_info:[^|]*\|(.*)")
_PATH = re.compile(r"(?:/[\w.@:+-]+){2,}")
_NO_DRAFT = re.compile(r"failed to initialize speculative decoding context: (.{1,200})")


class LogTail:
    """The last lines that an engine wrote. Fed by one thread, read by any."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)
        self._lock = threading.Lock()
        self._count = self._kept = 0
        self.constraints = ConstraintLog()
        self.system_info = ""
        """What an engine that is asked for information lines says that it was built for."""

    @property
    def line_count(self) -> int:
        """Lines ever written: a sign of life."""
        return self._count

    def add(self, line: str) -> None:
        """Keep a line, unless it was asked for."""
        is_asked_for = self.constraints.read(line)
        if not self.system_info and (told := _SYSTEM_INFO.search(line)):
            self.system_info = told[1]
        with self._lock:
            self._count += 1
            if not is_asked_for:
                self._kept += 1
                self._lines.append(line[:LINE_LIMIT])

    def lines(self) -> list[str]:
        """The lines kept, oldest first."""
        with self._lock:
            return list(self._lines)

    def after(self, number: int) -> tuple[list[str], int]:
        """The lines that came after the first `number` of them, as far as they are kept; how many there were in all."""
        with self._lock:
            return list(self._lines)[-(self._kept - number) :] if self._kept > number else [], self._kept

    def text(self) -> str:
        """The lines kept, as one text."""
        return "\n".join(self.lines())


@dataclass(frozen=True, slots=True)
class _Sign:
    """Lines that name a cause, and the sentence they become.

    Each `{}` takes the next group that matched, `{engine}` the name of the engine.
    """

    pattern: re.Pattern[str]
    sentence: str
    kind: Callable[[str, str], EngineError]


def _start_failed(message: str, tail: str) -> EngineError:
    return EngineStartFailed(message, log_tail=tail)


def _out_of_memory(message: str, tail: str) -> EngineError:  # noqa: ARG001  # one shape for all kinds
    return EngineOutOfMemory(message)


_UNKNOWN: Final = (
    "{engine} does not know: a newer version of Tampu may, or a llama-server named by TAMPU_LLAMA_SERVER; "
    "or use another model"
)
# The first row that fits wins, so causes stand before their consequences.
_SIGNS: Final[tuple[_Sign, ...]] = tuple(
    _Sign(re.compile(pattern, re.IGNORECASE), sentence, kind)
    for pattern, sentence, kind in (
        (
            r"out of memory|(?:failed|unable) to allocate|cannot allocate memory|bad_alloc|insufficient memory",
            "the model does not fit into the memory that is free; use a smaller model or a smaller num_ctx",
            _out_of_memory,
        ),
        (
            r"what\(\):\s+Resource temporarily unavailable",
            "the system gives the engine no further thread; its memory or its number of processes is used up",
            _out_of_memory,
        ),
        (
            r"unknown model architecture: '([^']{1,80})'",
            "the engine does not know the model architecture '{}'; a newer version of the engine may",
            _start_failed,
        ),
        (
            r"unknown pre-tokenizer type: '([^'\n]{0,80})'",
            f'the key "tokenizer.ggml.pre" of the model file is "{{}}", which {_UNKNOWN}',
            _start_failed,
        ),
        (
            r"unknown tokenizer: '([^'\n]{0,80})'",
            f'the key "tokenizer.ggml.model" of the model file is "{{}}", which {_UNKNOWN}',
            _start_failed,
        ),
        (r"invalid magic characters", "the model file is not a GGUF file", _start_failed),
        (
            r"failed to open GGUF file .*\(([^)]{1,80})\)",
            "the model file cannot be opened: {}",
            _start_failed,
        ),
        (
            r"not within the file bounds|failed to read (?:key-value|tensor|header)|unexpectedly reached end of file",
            "the model file is cut short or damaged; pull or create it again",
            _start_failed,
        ),
        (r"error loading model: (.{1,300})", "error loading model: {}", _start_failed),
        (
            (
                r"mismatch between text model \(n_embd = (\d{1,9})\) and mmproj \(n_embd = (\d{1,9})\)"
                r"[^']{0,300}failed to load multimodal model, '[^'\n]*?([^'/\n]{1,99})'"
            ),
            (
                "the projector {2} was made for another model: this one takes vectors of {0} numbers, the projector "
                "gives {1}; create the model with the projector that was published with it"
            ),
            _start_failed,
        ),
        (
            r"clip_init: failed to load model '[^'\n]*?([^'/\n]{1,99})': (.{1,300})",
            "the projector {} cannot be loaded: {}",
            _start_failed,
        ),
        (
            r"GGML_ASSERT\(id_to_token\.size\(\) == token_to_id\.size\(\)\) failed",
            'the key "tokenizer.ggml.tokens" of the model file has a token twice; pull or create the model again',
            _start_failed,
        ),
        (r"GGML_ASSERT\((.{1,200})\) failed", "the engine gave up on a check of its own: {}", _start_failed),
        (r"couldn't bind", "the engine cannot open its socket", _start_failed),
        (r"No module named '?xllamacpp|ImportError: (.{1,200})", "the engine library cannot be loaded", _start_failed),
        (r"unknown argument|invalid argument: (.{1,80})", "the engine does not know an argument: {}", _start_failed),
    )
)


def cause_of_failure(lines: Iterable[str], engine: str = "the engine") -> EngineError | None:
    """The error that the lines of an engine's log speak of; None where they name no cause that we know.

    `engine`: how it is called in the error.
    """
    tail = "\n".join(_STAMP.sub("", line) for line in lines)
    for sign in _SIGNS:
        found = sign.pattern.search(tail)
        if found is not None:
            details = [without_paths(group.strip()) for group in found.groups() if group]
            return sign.kind(sign.sentence.format(*details, "", engine=engine), tail)
    return None


def why_no_draft(lines: Iterable[str]) -> str:
    """Why an engine works without the draft model that it was given; "" where it says nothing of that."""
    found = next(filter(None, map(_NO_DRAFT.search, lines)), None)
    return without_paths(found[1]) if found else ""


def last_words(lines: Iterable[str]) -> str:
    """The last line that says anything, without its time stamp and without the server's paths."""
    for line in reversed(list(lines)):
        text = without_paths(_STAMP.sub("", line).strip())
        if text:
            return text
    return ""


def without_paths(text: str) -> str:
    """`text` with file paths cut out: errors do not show how the server's disk is laid out."""
    return _PATH.sub("...", text)
