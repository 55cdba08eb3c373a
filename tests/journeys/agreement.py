"""Replays recorded HTTP exchanges against servers of ours and says what differs, explained or not.

What follows from keeping the bytes of weights is no difference: `rewritten.py` tells our answers as they would be else.
`explained.toml` lists the deliberate differences, each under the name of its line in docs/differences.md. A rule covers
one difference of one step, never a step: what it does not cover still counts. `python -m tests.journeys.agreement`
prints the table of all parts, or of those named.
"""

import argparse
import http.client
import importlib.util
import re
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.described import wrongly_told
from tests.differences import kind
from tests.journeys.conftest import serving
from tests.journeys.losses import is_loss, is_status, worse
from tests.journeys.rewritten import Terms
from tests.recordings import GOLDEN, recording, unpack


def _replay_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden_replay", GOLDEN / "replay.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_TOOL = _replay_tool()
EXPLANATIONS = Path(__file__).parent / "explained.toml"
SETUP = "http/setup"
OPENAI_ROUTES = ("completions", "embeddings", "models")
_MOST_SHOWN = 8
"""Differences of one step that are printed: what went wrong shows in the first."""
_MOST_RANDOM_TOKENS = 500


@dataclass(frozen=True)
class Stage:
    """One fresh server and the recordings that are played on it, in this order."""

    name: str
    parts: tuple[str, ...]
    preparation: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """The settings under which it was recorded."""
        return dict(recording(f"{self.parts[0]}.json").get("environment") or {})


def _alone(*parts: str) -> tuple[Stage, ...]:
    return tuple(Stage(part, (part,)) for part in parts)


STAGES = (
    Stage("http, first", (SETUP, "http/chat", "http/decode", "http/generate", "http/truncate", "http/transport")),
    Stage("http, second", ("http/embed", "http/images", "http/keep_alive", "http/names", "http/options"), (SETUP,)),
    Stage("http, third", ("http/format", "http/logprobs", "http/thinking", "http/tools"), (SETUP,)),
    *_alone("http/listing", "http/transport-origins", "http/transport-public", "http/transport-star"),
    *_alone("store/blobs", "store/copy-delete", "store/create-files", "store/create-from", "store/create-names"),
    *_alone("store/ps", "store/quantize", "store/show"),
    Stage("openai", tuple(f"dialects/{part}" for part in ("00-setup", "chat", "chat-prompt", *OPENAI_ROUTES, "other"))),
    Stage("responses", ("dialects/responses",), ("dialects/00-setup",)),
    Stage("anthropic", ("dialects/messages",), ("dialects/00-setup",)),
    *_alone("dialects/no-cloud"),
)


@dataclass(frozen=True)
class Rule:
    """What a deliberate difference looks like, in some recordings.

    `differs` matches the whole line that the replay tool prints. With `masked`, both values must be equal once what it
    matches is blotted out. `unseen` is an event of our streams that every client skips: it is taken out before anything
    is compared. `instead` says what clients get for what they would miss (see `losses.py`): without it the rule covers
    no loss. `sampled` says why the difference need not show every time.
    """

    explanation: str
    files: tuple[str, ...]
    differs: re.Pattern[str]
    steps: tuple[str, ...] = ("*",)
    masked: str = ""
    unseen: str = ""
    instead: str = ""
    sampled: str = ""

    def is_for(self, step: Mapping[str, Any]) -> bool:
        return any(fnmatchcase(step["name"], pattern) for pattern in self.steps)

    def covers(self, step: Mapping[str, Any], got: Mapping[str, Any], difference: str) -> bool:
        if not self.is_for(step) or not self.differs.fullmatch(difference):
            return False
        if self.masked:
            path = difference.partition(": ")[0]
            want, have = (_value_at(_joined(answer), path) for answer in (step["response"], got))
            return isinstance(want, str) and re.sub(self.masked, "", want) == re.sub(self.masked, "", str(have))
        if not _loses(step, got, difference):
            return True
        return bool(self.instead) and not any(self.differs.fullmatch(line) for line in worse(difference))

    def seen(self, step: Mapping[str, Any], got: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer as clients see it; the answer itself where they see all of it."""
        if not self.unseen or not self.is_for(step) or got.get("kind") != "sse":
            return got
        kept = [event for event in got["body"] if event["event"] != self.unseen]
        return got if len(kept) == len(got["body"]) else {**got, "body": kept}


@dataclass(frozen=True)
class Explanation:
    """A deliberate difference: the name of its line in docs/differences.md, and why clients gain."""

    name: str
    because: str
    rules: tuple[Rule, ...]


@dataclass
class Result:
    """What came of one recording."""

    part: str
    cases: int = 0
    explained: dict[str, set[str]] = field(default_factory=dict)
    """Of each case that differs on purpose, the explanations that it took."""
    seconds: float = 0.0
    differing: dict[str, list[str]] = field(default_factory=dict)
    undescribed: dict[str, list[str]] = field(default_factory=dict)
    """What docs/openapi.yaml does not tell, or tells otherwise."""
    used: set[Rule] = field(default_factory=set)

    @property
    def lines(self) -> list[list[str]]:
        """Of each explained case the lines that explain it, sorted."""
        return [sorted(names) for names in self.explained.values()]

    @property
    def row(self) -> str:
        agreeing = self.cases - len(self.explained) - len(self.differing)
        counts = f"{self.cases:6} {agreeing:6} {len(self.explained):9} {len(self.differing):7}"
        told = ", ".join(f"{count} {name}" for name, count in sorted(Counter(map(kind, self.lines)).items()))
        return f"{self.part:24} {counts} {self.seconds:8.1f}  {told}".rstrip()


HEADER = f"{'part':24} {'cases':>6} {'agree':>6} {'explained':>9} {'differ':>7} {'seconds':>8}"


def explanations() -> list[Explanation]:
    """All of `explained.toml`; raises TypeError or KeyError where it is not well formed."""
    tables = tomllib.loads(EXPLANATIONS.read_text())
    return [
        Explanation(name, table["because"], tuple(_rule(name, **rule) for rule in table["rules"]))
        for name, table in tables.items()
    ]


def _rule(
    name: str, *, files: Sequence[str], differs: str = "(?!)", steps: Sequence[str] = ("*",), **guards: str
) -> Rule:
    return Rule(name, tuple(files), re.compile(differs, re.DOTALL), tuple(steps), **guards)


def idle_rules(results: Iterable[Result], known: Iterable[Explanation]) -> list[str]:
    """Rules that name a recording in which they explain nothing."""
    rules = [rule for explanation in known for rule in explanation.rules]
    return [
        f"{result.part}: {rule.explanation}: {rule.unseen or rule.differs.pattern}"
        for result in results
        for rule in rules
        if result.part in rule.files and rule not in result.used and not rule.sampled
    ]


def play(stage: Stage, folder: Path, known: Sequence[Explanation]) -> list[Result]:
    """Play the recordings of a stage on a server in `folder`."""
    golden = unpack(folder / "golden")
    environment = stage.environment
    host = environment.pop("OLLAMA_HOST", "127.0.0.1")
    with serving(folder / "home", host=host, **environment) as served:
        for part in stage.preparation:
            replay(part, served.url, golden, (), Terms(served.models))
        return [replay(part, served.url, golden, known, Terms(served.models)) for part in stage.parts]


def replay(part: str, url: str, golden: Path, known: Sequence[Explanation], terms: Terms) -> Result:
    """Play one recording on the server at `url`."""
    rules = rules_for(part, known)
    # The tool looks for the files that a recording uploads in the folder beside it first; it remembers their digests.
    vars(_TOOL).update(_beside=str((golden / part).parent / "models"), _digests={})
    result, start = Result(part), time.monotonic()
    for step in recording(f"{part}.json")["steps"]:
        time.sleep(step.get("wait", 0))
        asked = _with_an_end(step) if is_drawn(step, rules) else step
        answer = answered(url, asked, str(golden / "models"))
        if told := wrongly_told(step, answer):
            result.undescribed[step["name"]] = told
        got: Mapping[str, Any] = terms.tell(answer)
        result.cases += 1
        reducing = {rule for rule in rules if rule.seen(step, got) is not got}
        for rule in reducing:
            got = rule.seen(step, got)
        found = _TOOL.compare(_of_any_version(step), got)
        covering = {line: [rule for rule in rules if rule.covers(step, got, line)] for line in found}
        result.used |= reducing.union(*(candidates[:1] for candidates in covering.values()))
        if unexplained := [line for line, candidates in covering.items() if not candidates]:
            result.differing[step["name"]] = unexplained
        elif found or reducing:
            result.explained[step["name"]] = {rule.explanation for rule in reducing} | taken(covering)
    result.seconds = time.monotonic() - start
    return result


def taken(covering: Mapping[str, Sequence[Rule]]) -> set[str]:
    """The explanations that a case needs, of those that cover each difference; another status decides alone."""
    deciding = [rules for line, rules in covering.items() if is_status(line)] or covering.values()
    names = sorted(({rule.explanation: None for rule in rules} for rules in deciding), key=len)
    needed: set[str] = set()
    for candidates in names:
        if needed.isdisjoint(candidates):
            needed.add(next(iter(candidates)))
    return needed


def rules_for(part: str, known: Iterable[Explanation]) -> list[Rule]:
    """All rules that are about this recording."""
    return [rule for explanation in known for rule in explanation.rules if part in rule.files]


def is_drawn(step: Mapping[str, Any], rules: Iterable[Rule]) -> bool:
    """Whether our answer to the step is drawn at random, so that it may have any length."""
    return any(rule.sampled and rule.is_for(step) for rule in rules)


def _with_an_end(step: Mapping[str, Any]) -> Mapping[str, Any]:
    """The step with an answer of a bounded length: one that is drawn at random may go on for half a minute."""
    options = {**step["json"].get("options", {}), "num_predict": _MOST_RANDOM_TOKENS}
    return {**step, "json": {**step["json"], "options": options}}


def answered(url: str, step: Mapping[str, Any], models: str) -> dict[str, Any]:
    """What the server at `url` answers to a step; status 0 where nothing comes."""
    try:
        answer: dict[str, Any] = _TOOL.send(url, step, models)
    except (OSError, http.client.HTTPException) as error:
        return {"status": 0, "headers": {}, "kind": "failed", "body": f"{type(error).__name__}: {error}"}
    return answer


def _loses(step: Mapping[str, Any], got: Mapping[str, Any], difference: str) -> bool:
    return is_loss(difference, wanted_status=step["response"]["status"], got_status=got["status"])


def _of_any_version(step: Mapping[str, Any]) -> Mapping[str, Any]:
    """The step, where it tells a version with any: the recorded program was a build that calls itself 0.0.0."""
    if step["response"].get("body") != {"version": "0.0.0"}:
        return step
    return {**step, "loose": [*step.get("loose", ()), "version"]}


def _joined(answer: Mapping[str, Any]) -> Any:
    """The body as the tool compares it: streams joined."""
    kind, body = answer.get("kind"), answer.get("body")
    return _TOOL.join_stream(kind, body) if kind in {"ndjson", "sse"} else body


def _value_at(body: Any, path: str) -> Any:
    """What lies at a dotted path, None where nothing does."""
    for step in path.split(".") if path else ():
        if isinstance(body, dict):
            body = body.get(step)
        elif isinstance(body, list) and step.isdigit() and int(step) < len(body):
            body = body[int(step)]
        else:
            return None
    return body


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", help="stages with one of these parts; all if none is named")
    wanted = parser.parse_args().parts
    known = explanations()
    failed = False
    print(HEADER)
    for stage in STAGES:
        if wanted and not set(wanted) & set(stage.parts):
            continue
        with tempfile.TemporaryDirectory() as folder:
            results = play(stage, Path(folder), known)
        failed |= bool(report := complaints(results, known))
        print("\n".join([*(result.row for result in results), *report]), flush=True)
    return int(failed)


def complaints(results: Sequence[Result], known: Sequence[Explanation]) -> list[str]:
    """All that is wrong, a line each: differences that nothing explains, explanations that explain nothing."""
    lines = [
        f"{result.part}: {step}: {difference}"
        for result in results
        for step, differences in result.differing.items()
        for difference in differences[:_MOST_SHOWN]
    ]
    lines += [
        f"{result.part}: {step}: openapi.yaml: {line}"
        for result in results
        for step, told in result.undescribed.items()
        for line in told
    ]
    return lines + [f"explains nothing: {idle}" for idle in idle_rules(results, known)]


if __name__ == "__main__":
    sys.exit(main())
