"""Whether guessing ahead pays for a model: what its engine measured, added up. Pure, but for the sums that it keeps.

The engine guesses a run of tokens from what it has read and written before, and checks them all in one batch.
A guess that is right saves the time of a token generated alone, g; each guess, right or wrong, costs the time of a
token in a batch, p, which is what reading a prompt costs. So it pays while `accepted * g >= drafted * p`. Both times
are measured for each model and machine, for they differ widely: some weights gain nothing from a batch.

The engine cannot stop guessing while it runs, so a verdict holds from the next load on, as long as the server lives.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tampu.engine.parameters import LONGEST_GUESS, Parameter, longest_guess
from tampu.engine.protocol import EngineEnd
from tampu.engine.spec import EngineSpec, Placement

ENOUGH_GUESSES: Final = 1024
"""Fewer prove nothing."""
_ENOUGH_TOKENS: Final = 256
"""So many must have been timed, alone and in batches, before a time is believed."""
_SHORTEST_GUESS: Final = 48
"""Shorter ones this kind of guessing does not make, by the engine's own limit."""
_BATCH_TOKENS: Final = 32
"""A prompt of which fewer tokens were read anew says little about the time of a token in a batch."""


@dataclass(slots=True)
class Payoff:
    """What guessing brought one model so far."""

    drafted: int = 0
    accepted: int = 0
    batch_tokens: int = 0
    batch_ms: float = 0.0
    lone_tokens: int = 0
    lone_ms: float = 0.0

    def note(self, end: EngineEnd) -> None:
        """Add what the end of an answer tells."""
        self.drafted += end.drafted_tokens
        self.accepted += end.accepted_tokens
        read_anew = end.prompt_tokens - end.cached_tokens
        if read_anew >= _BATCH_TOKENS:
            self.batch_tokens += read_anew
            self.batch_ms += end.prompt_ms
        if not end.drafted_tokens:
            self.lone_tokens += end.completion_tokens
            self.lone_ms += end.completion_ms

    @property
    def pays(self) -> bool:
        """Whether it has not lost time; true as long as too little is known."""
        if self.drafted < ENOUGH_GUESSES or min(self.batch_tokens, self.lone_tokens) < _ENOUGH_TOKENS:
            return True
        saved_ms = self.accepted * self.lone_ms / self.lone_tokens
        return saved_ms >= self.drafted * self.batch_ms / self.batch_tokens


class Payoffs:
    """What guessing brought each model that was loaded, by the path of its weights; for the life of a server."""

    def __init__(self) -> None:
        self._by_path: dict[Path, Payoff] = {}

    def of(self, model_path: Path) -> Payoff:
        """The sums of one model, which may be added to."""
        return self._by_path.setdefault(model_path, Payoff())


def guessing_parameters(spec: EngineSpec, placement: Placement) -> dict[str, Parameter]:
    """Parameters with which the bundled engine guesses; none where it cannot, or guesses in another way.

    Of the kinds of guessing that the engine has only `ngram-mod` will do: those that keep to one conversation abort the
    process when a context is shifted (`ngram-map-*`), or never guess (`ngram-simple`). Its pool is filled by all users,
    and how much is guessed depends on what was asked before, so the rounding of a batch may change a text.
    """
    if spec.embedding or spec.draft_num_predict > 0 or spec.projector_paths:
        return {}
    # An answer that fills a context which is not shifted would end early, by as much as was guessed.
    if not spec.context_shift:
        return {}
    length = longest_guess(spec, placement)
    if length < _SHORTEST_GUESS:
        return {}
    shortened: dict[str, Parameter] = {} if length == LONGEST_GUESS else {"speculative.ngram_mod.n_max": length}
    return {"speculative.types": ["COMMON_SPECULATIVE_TYPE_NGRAM_MOD"], **shortened}
