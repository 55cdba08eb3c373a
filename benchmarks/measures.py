"""One function for each claim. Each returns rows for the table; ratios compare two sides of the same run."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks.programs import MODEL, Running, bare_engine, byte_relay, tampu_server, weights
from benchmarks.stream import Target, stream_all

CONTEXT = 4096
SLOTS = 8
"""As many as the defaults give to the small models of these tables, on both sides."""
SETTLE_S = 0.05
"""An engine's threads spin for a while after an answer; what is asked next would pay for the other side's."""
CPU_TOKENS = 960
"""So many tokens in all; without a finer clock, a token of 60 us still counts six ticks of a hundredth of a second."""
_EXACT_CLOCK = 2
"""Linux numbers the clocks of processes by a complement of the process and one of three kinds (`CPUCLOCK_SCHED`)."""
PROMPT = "The sky is blue because sunlight is scattered by the air"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `bar`: what we promise, in words; `holds` None where nothing is promised."""

    measure: str
    bare: str
    tampu: str
    compared: str
    bar: str = ""
    holds: bool | None = None


def _targets(bare: Running, ours: Running) -> tuple[Target, Target]:
    return (
        Target("bare engine", bare.port, "/completion", ""),
        Target("tampu", ours.port, "/api/generate", MODEL),
    )


def percentile(values: list[float], share: float) -> float:
    """The value that this share of all values does not pass."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def warm_rows(rounds: int = 150) -> Iterator[Row]:
    """Both sides warm, asked in turn: added time to first token, speed at several clients, CPU per token."""
    with tampu_server(OLLAMA_NUM_PARALLEL=str(SLOTS), OLLAMA_CONTEXT_LENGTH=str(CONTEXT)) as ours:
        path = weights(ours.port)
        with bare_engine(path, slots=SLOTS, context=CONTEXT) as bare:
            sides = _targets(bare, ours)
            for side in sides:
                stream_all(side, [PROMPT], 8)
            yield from _first_token(sides, rounds)
            for clients in (1, 4, 8):
                yield _speed(sides, clients)
            with byte_relay(bare) as relay:
                servers = ((replace(sides[0], name="relay", port=relay.port), relay), (sides[1], ours))
                for clients in (1, 4, 8):
                    yield _cpu_per_token(servers, clients)
            yield Row("memory of the server, model loaded", "", f"{_resident_mb(ours):.0f} MB", "")


def _first_token(sides: tuple[Target, Target], rounds: int) -> Iterator[Row]:
    times: dict[str, list[float]] = {side.name: [] for side in sides}
    for turn in range(rounds):
        for side in sides if turn % 2 else reversed(sides):
            time.sleep(SETTLE_S)
            times[side.name].append(stream_all(side, [PROMPT], 2)[0].to_first_token_s * 1000)
    bare, tampu = (times[side.name] for side in sides)
    for label, share, bar in (("p50", 0.5, 2.0), ("p99", 0.99, None)):
        a, b = percentile(bare, share), percentile(tampu, share)
        holds = None if bar is None else b - a <= bar
        promise = "" if bar is None else f"at most {bar:.0f} ms"
        yield Row(f"time to first token, {label}", f"{a:.2f} ms", f"{b:.2f} ms", f"{b - a:+.2f} ms", promise, holds)


def _speed(sides: tuple[Target, Target], clients: int, tokens: int = 96, rounds: int = 5) -> Row:
    ratios, speeds = [], {side.name: [0.0] for side in sides}
    for turn in range(rounds):
        found = {}
        for side in sides if turn % 2 else reversed(sides):
            prompts = [f"{PROMPT} ({turn}.{client})" for client in range(clients)]
            time.sleep(SETTLE_S)
            begin = time.perf_counter()
            total = sum(arrivals.tokens for arrivals in stream_all(side, prompts, tokens))
            found[side.name] = total / (time.perf_counter() - begin)
            speeds[side.name].append(found[side.name])
        ratios.append(found[sides[1].name] / found[sides[0].name])
    ratio = statistics.median(ratios)
    bar, holds = ("at least 0.97", ratio >= 0.97) if clients == 1 else ("", None)
    bare, tampu = (statistics.median(speeds[side.name][1:]) for side in sides)
    return Row(f"tokens/s, {clients} client(s)", f"{bare:.0f}", f"{tampu:.0f}", f"{ratio:.2f}x", bar, holds)


def _cpu_per_token(servers: Sequence[tuple[Target, Running]], clients: int, rounds: int = 3) -> Row:
    """CPU time of a server process itself, its engine not counted: a relay of bytes first, then ours."""
    used_us: dict[str, list[float]] = {target.name: [] for target, _ in servers}
    for turn in range(rounds):
        for target, server in servers:
            time.sleep(SETTLE_S)
            prompts = [f"{PROMPT} [{turn}.{client}]" for client in range(clients)]
            before = cpu_us(server)
            tokens = sum(arrivals.tokens for arrivals in stream_all(target, prompts, CPU_TOKENS // clients))
            used_us[target.name].append((cpu_us(server) - before) / max(tokens, 1))
    relay, tampu = (statistics.median(used_us[target.name]) for target, _ in servers)
    return Row(
        f"server CPU per streamed token, {clients} client(s)",
        f"a relay of bytes: {relay:.0f} us",
        f"{tampu:.0f} us",
        f"+{tampu - relay:.0f} us",
        "at most 60 us",
        tampu <= 60,
    )


def cpu_us(server: Running) -> float:
    """CPU time of a server process so far, all of its threads but not its engine: to the nanosecond on Linux.

    Elsewhere in ticks of a hundredth of a second.
    """
    if sys.platform == "linux":
        return time.clock_gettime_ns(~server.process.pid << 3 | _EXACT_CLOCK) / 1000
    times = server.process.cpu_times()
    return float(times.user + times.system) * 1e6


def _resident_mb(server: Running) -> float:
    return float(server.process.memory_info().rss) / 1e6


def idle_rows() -> Iterator[Row]:
    """The server with no model loaded, and how long a command takes that only asks it."""
    with tampu_server() as ours:
        memory = _resident_mb(ours)
        yield Row("memory of the server, no model loaded", "", f"{memory:.0f} MB", "", "at most 90 MB", memory <= 90)
        yield from _command_rows({"OLLAMA_HOST": f"127.0.0.1:{ours.port}"})


def _command_rows(variables: dict[str, str], rounds: int = 11) -> Iterator[Row]:
    """Commands that only ask the server, taking turns with a Python that does nothing."""
    commands = {words: [sys.executable, "-m", "tampu", words] for words in ("--help", "--version", "list", "ps")}
    times: dict[str, list[float]] = {"": [], **{words: [] for words in commands}}
    for _ in range(rounds):
        times[""].append(_wall_s([sys.executable, "-c", "pass"], variables))
        for words, command in commands.items():
            times[words].append(_wall_s(command, variables))
    nothing = statistics.median(times.pop(""))
    for words, measured in times.items():
        wall = statistics.median(measured)
        yield Row(
            f"`tampu {words}`, wall",
            f"python -c pass: {nothing:.3f} s",
            f"{wall:.3f} s",
            f"+{wall - nothing:.3f} s",
            "at most +0.2 s",
            wall - nothing <= 0.2,
        )


def _wall_s(command: list[str], variables: dict[str, str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **variables})
    return time.perf_counter() - begin


def cold_rows(rounds: int = 3) -> Iterator[Row]:
    """From starting the program to the first token of an answer."""
    bare_s, tampu_s = [], []
    for _ in range(rounds):
        with tampu_server(OLLAMA_NUM_PARALLEL=str(SLOTS), OLLAMA_CONTEXT_LENGTH=str(CONTEXT)) as ours:
            target = Target("tampu", ours.port, "/api/generate", MODEL)
            tampu_s.append(stream_all(target, [PROMPT], 2)[0].first - ours.started)
            path = weights(ours.port)
        with bare_engine(path, slots=SLOTS, context=CONTEXT) as bare:
            target = Target("bare engine", bare.port, "/completion", "")
            bare_s.append(stream_all(target, [PROMPT], 2)[0].first - bare.started)
    a, b = statistics.median(bare_s), statistics.median(tampu_s)
    yield Row("cold start to first token", f"{a:.2f} s", f"{b:.2f} s", f"{b / a:.2f}x")
