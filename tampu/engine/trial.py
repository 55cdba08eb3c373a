"""Tries an engine in a throw-away child: a build for another processor dies of its first strange instruction.

First it tells its version; then it loads a model that is made for this and writes a few words, in the very way in which
it would be used: what passes here starts, computes, and speaks as it must.
"""

import re
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread

from tampu.config import Settings
from tampu.engine.inquiry import ask_program, ending_told, misfit_of
from tampu.engine.process import start_engine
from tampu.engine.protocol import EngineCompletion, EngineEnd
from tampu.engine.spec import EngineSpec, Placement
from tampu.engine.trial_model import trial_model
from tampu.errors import EngineError
from tampu.options import Sampling

TRIAL_S: Final = 30.0
_INTRODUCE: Final = (
    "import sys; sys.path[:] = sys.argv[1:]; import xllamacpp; print('xllamacpp', xllamacpp.__version__); "
    "print(xllamacpp.get_system_info())"
)
_FEATURE: Final = re.compile(r"\b(\w+) = 1\b")
_PLACE: Final = Placement(num_ctx=256, slots=2, threads=1, prompt_cache_bytes=0)
_PROMPT: Final = "a" * 40
_TOKENS: Final = 4


@dataclass(frozen=True, slots=True)
class Trial:
    """What the engine said of itself, or why it does not run here ("" if it does).

    `features`: what it was built for, in the engine's own words; none where it does not say.
    """

    version: str
    problem: str = ""
    features: tuple[str, ...] = ()


async def try_engine(binary: Path | None, environment: Mapping[str, str]) -> Trial:
    """Start a `llama-server` binary, or the bundled library (None), so far that it tells its version."""
    command = [sys.executable, "-P", "-c", _INTRODUCE, *sys.path] if binary is None else [str(binary), "--version"]
    try:
        misfit = "" if binary is None else await to_thread.run_sync(misfit_of, binary)
        if misfit:
            return Trial("", misfit)
        code, told = await ask_program(command, environment, patience_s=TRIAL_S)
    except TimeoutError:
        return Trial("", f"it says nothing for {TRIAL_S:.0f} s")
    except OSError as error:
        return Trial("", _start_problem(error))
    words = told.strip()
    if code == 0:
        return Trial(_version(words), features=tuple(_FEATURE.findall(words)))
    if code == -signal.SIGILL:
        return Trial("", "it was built for another processor (SIGILL)")
    return Trial("", (words.splitlines() or [ending_told(code)])[-1])


def _start_problem(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "it cannot be started: it is gone, or what it takes to run it is missing"
    return error.strerror or str(error)


async def prove_engine(name: str, binary: Path | None, settings: Settings, environment: Mapping[str, str]) -> Trial:
    """The same, and that it loads a model and writes; `name`: what a setting would call it."""
    trial = await try_engine(binary, environment)
    if trial.problem:
        return trial
    # Information lines tell what it was built for. Nothing of a trial is kept on disk.
    chosen = replace(settings, llama_server=name, prompt_cache_mib=0, log_level=2, speculation=False)
    with tempfile.TemporaryDirectory(prefix="tampu-trial-") as folder:
        model = Path(folder) / "trial.gguf"
        await to_thread.run_sync(model.write_bytes, trial_model())
        try:
            with anyio.fail_after(TRIAL_S):
                told = await _write_something(model, chosen, environment)
        except TimeoutError:
            return replace(trial, problem=f"it does not answer within {TRIAL_S:.0f} s")
        except EngineError as error:
            return replace(trial, problem=error.message)
    return replace(trial, features=tuple(_FEATURE.findall(told)) or trial.features)


async def _write_something(model: Path, settings: Settings, environment: Mapping[str, str]) -> str:
    """Load the model and write a few words; what the engine says that it was built for."""
    child = await start_engine(EngineSpec(model_path=model), _PLACE, settings=settings, environment=environment)
    try:
        request = EngineCompletion(prompt=_PROMPT, sampling=Sampling(num_predict=_TOKENS, temperature=0.0))
        written = 0
        async with aclosing(child.engine.complete(request)) as events:
            async for event in events:
                written = event.completion_tokens if isinstance(event, EngineEnd) else written
        if not written:
            raise EngineError("it writes nothing")
        return child.system_info
    finally:
        await child.stop()


def _version(words: str) -> str:
    """The line that speaks of a version; binaries may say more."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return next((line for line in lines if "version" in line.lower()), lines[0] if lines else "version unknown")
