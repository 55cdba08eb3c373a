"""Making a conversation fit the context: which old messages to leave out, and which tokens of a prompt still too long.

Pure: the search proposes candidates and is told how many tokens they have; who renders and counts is not its business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tampu.generation import Dropped
from tampu.messages import Message

IMAGE_TOKENS: Final = 768
"""What an image counts for while messages are dropped, if the model has a projector."""
_NEIGHBOURS: Final = 2
_MESSAGE_WEIGHT: Final = 20
"""Characters that a template writes around a message, for a first guess."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """The messages that are kept, and how many were not; `tokens` is what they measured."""

    messages: tuple[Message, ...]
    dropped: Dropped
    tokens: int


class FitSearch:
    """Finds the least number of leading messages to drop. Ask `candidate`, tell `measured`, until `result` is there.

    `tokens`: how many all messages have, images not counted, where that is known.

    Candidate i keeps the system messages before i and everything from i on; the last message is always kept, fitting
    or not. The first candidate that fits is wanted. Rules of the search, which counts on fewer messages having fewer
    tokens, except that a template may print more around one first message than around another:

    1. Try all messages; nearly always that fits.
    2. Narrow between a candidate that is too long and one that fits (or the last), guessing from the length of the
       texts, halving after two guesses that did not halve, from then on after each.
    3. Try the two neighbours before the one found; where one of them fits, narrow below it again.
    """

    def __init__(
        self, messages: Sequence[Message], *, limit: int, image_tokens: int = 0, tokens: int | None = None
    ) -> None:
        self._messages, self._limit, self._image_tokens = tuple(messages), limit, image_tokens
        self._tokens: dict[int, int] = {}
        self._last = max(len(self._messages) - 1, 0)
        self._too_long, self._fits = -1, self._last
        self._weights = _weights_from(self._messages)
        self._poor_guesses = 0
        self._next: int | None = 0
        if tokens is not None:
            self.measured(tokens)

    @property
    def candidate(self) -> tuple[Message, ...] | None:
        """The messages to measure next; None when the result is known."""
        return None if self._next is None else self._kept(self._next)

    def measured(self, tokens: int) -> None:
        """The candidate has so many tokens, images not counted."""
        if self._next is None:
            raise ValueError("no candidate is open")
        index = self._next
        self._tokens[index] = tokens + self._tokens_of_images(index)
        width = self._fits - self._too_long
        if self._is_short(index):
            self._fits = min(self._fits, index)
        elif index < self._fits:
            self._too_long = max(self._too_long, index)
        if index and (self._fits - self._too_long) * 2 > width:
            self._poor_guesses += 1
        elif self._poor_guesses > 1:
            self._poor_guesses = 1
        self._next = self._propose()

    def result(self) -> Fitted:
        """What is kept; only once `candidate` is None."""
        kept = self._kept(self._fits)
        count = len(self._messages) - len(kept)
        return Fitted(kept, Dropped(messages=count), self._tokens[self._fits])

    def _kept(self, index: int) -> tuple[Message, ...]:
        systems = tuple(message for message in self._messages[:index] if message.role == "system")
        return systems + self._messages[index:]

    def _tokens_of_images(self, index: int) -> int:
        return self._image_tokens * sum(len(message.images) for message in self._messages[index:])

    def _is_short(self, index: int) -> bool:
        return self._tokens[index] <= self._limit

    def _propose(self) -> int | None:
        if self._is_short(0) or not self._last:
            return None
        if self._fits - self._too_long > 1:
            return self._between()
        for neighbour in range(self._fits - 2, max(self._fits - 2 - _NEIGHBOURS, -1), -1):
            if neighbour not in self._tokens:
                return neighbour
            if self._is_short(neighbour):
                self._fits, self._too_long = neighbour, max(self._known_too_long_below(neighbour), -1)
                return self._propose()
        return None if self._fits in self._tokens else self._fits

    def _known_too_long_below(self, index: int) -> int:
        return max(known for known in self._tokens if known < index)

    def _between(self) -> int:
        """A candidate strictly between the ends that is likely to be the first to fit."""
        low, high = self._too_long, self._fits
        middle = (low + high) // 2
        if self._poor_guesses > 1 or low not in self._tokens:
            return middle
        tokens, weight = self._tokens[low], self._weights[low]
        if high in self._tokens:
            tokens, weight = tokens - self._tokens[high], weight - self._weights[high]
        target = self._weights[low] - (self._tokens[low] - self._limit) * weight / max(tokens, 1)
        return next((index for index in range(low + 1, high) if self._weights[index] <= target), high - 1)


def _weights_from(messages: Sequence[Message]) -> list[int]:
    """For each index: the characters of the messages from there on, those of system messages everywhere."""
    weights = [0] * (len(messages) + 1)
    systems = sum(len(message.content) + _MESSAGE_WEIGHT for message in messages if message.role == "system")
    weights[-1] = systems
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        size = 0 if message.role == "system" else len(message.content) + len(message.thinking) + _MESSAGE_WEIGHT
        weights[index] = weights[index + 1] + size
    return weights


@dataclass(frozen=True, slots=True)
class TokenCut:
    """A prompt without its middle: so many tokens of its start and of its end are kept."""

    head: int
    tail: int
    dropped: Dropped


def cut_tokens(tokens: int, *, context: int, keep: int = 4, adds_bos: bool = False) -> TokenCut | None:
    """How to shorten a rendered prompt (without media) that leaves no room to answer; None where it fits.

    `keep`: tokens of the start to keep, negative for all that fit. What is left fills about half of the rest.
    """
    limit = context - 1
    if tokens <= limit:
        return None
    head = limit if keep < 0 else min(keep + adds_bos, limit)
    total = context - max((context - head) // 2, 1)
    tail = max(total - head, 0)
    return TokenCut(head, tail, Dropped(tokens=tokens - head - tail))
