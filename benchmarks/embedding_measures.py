"""Vectors of many texts: one request for all of them against one request for each, side by side."""

import statistics
import time
from collections.abc import Iterator

from benchmarks.measures import Row
from benchmarks.programs import MODEL, post, tampu_server, weights

TEXTS = 256
WORDS = "sun moon river stone green walk house light water bird".split()


def embedding_rows(rounds: int = 3) -> Iterator[Row]:
    """The gain of a batch. How large it is depends on the weights: some kinds have no kernel for batches."""
    texts = [" ".join((WORDS[n % 10], WORDS[n // 10 % 10], str(n))) for n in range(TEXTS)]
    with tampu_server() as ours:
        weights(ours.port)
        _embed(ours.port, texts[:2])
        ratios, together_s, alone_s = [], [], []
        for _ in range(rounds):
            together_s.append(_embed(ours.port, texts))
            alone_s.append(sum(_embed(ours.port, [text]) for text in texts))
            ratios.append(alone_s[-1] / together_s[-1])
    ratio = statistics.median(ratios)
    label = f"{TEXTS} vectors, one request against {TEXTS}"
    a, b = statistics.median(alone_s), statistics.median(together_s)
    yield Row(label, f"one by one: {a:.2f} s", f"{b:.2f} s", f"{ratio:.2f}x", "at least 3", ratio >= 3)


def _embed(port: int, texts: list[str]) -> float:
    begin = time.perf_counter()
    post(port, "/api/embed", {"model": MODEL, "input": texts, "keep_alive": -1})
    return time.perf_counter() - begin
