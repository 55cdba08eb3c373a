"""What one execution of a template may use, and the error that says it used too much."""

from dataclasses import dataclass
from typing import Final

from tampu.errors import TemplateFailed

MAX_DEPTH: Final = 100
"""Blocks, template calls and parentheses inside one another while executing."""
MAX_TEXT: Final = 64 * 1024 * 1024
MAX_STEPS: Final = 250_000
STEPS_PER_ITEM: Final = 1_000


@dataclass(slots=True)
class Budget:
    """Counts down: nodes executed, characters made (also those that are never printed), levels entered."""

    steps: int = MAX_STEPS
    text: int = MAX_TEXT
    depth: int = MAX_DEPTH

    @classmethod
    def for_items(cls, count: int) -> "Budget":
        """Room for a template that visits each of `count` messages and tools many times."""
        return cls(steps=MAX_STEPS + STEPS_PER_ITEM * count)

    def spend_text(self, characters: int) -> None:
        """Before text of that length is made."""
        self.text -= characters
        if self.text < 0:
            raise TemplateFailed(f"template makes more than {MAX_TEXT} characters")

    def spend_steps(self, steps: int) -> None:
        """Before that many nodes are executed."""
        self.steps -= steps
        if self.steps < 0:
            raise TemplateFailed("template does not end: it takes more steps than any prompt needs")

    def enter(self) -> None:
        """One level down; `leave` undoes it."""
        self.depth -= 1
        if self.depth < 0:
            raise TemplateFailed(f"exceeded maximum template depth ({MAX_DEPTH})")

    def leave(self) -> None:
        """One level up."""
        self.depth += 1
