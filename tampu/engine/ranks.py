"""The engine's answer to a request for ranks."""

import msgspec

from tampu.engine.protocol import EngineScores


class _Rank(msgspec.Struct):
    index: int = 0
    relevance_score: float = 0.0


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0


class RanksAnswer(msgspec.Struct):
    """As the engine sends it, best first."""

    results: list[_Rank] = []
    usage: _Usage = msgspec.field(default_factory=_Usage)

    def scores(self) -> EngineScores:
        """The scores in the order of the documents."""
        in_order = sorted(self.results, key=lambda rank: rank.index)
        return EngineScores(tuple(rank.relevance_score for rank in in_order), self.usage.prompt_tokens)
