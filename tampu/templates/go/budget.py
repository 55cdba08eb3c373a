"""What one execution of a template may use, and the error that says it used too much."""

from dataclasses import dataclass, field
from typing import Final

from tampu.errors import TemplateTooCostly

MAX_DEPTH: Final = 100
"""Blocks, template calls and parentheses inside one another while executing."""
MAX_TEXT: Final = 64 * 1024 * 1024
MAX_STEPS: Final = 250_000
STEPS_PER_ITEM: Final = 1_000
QUICK_STEPS: Final = 2_500
QUICK_TEXT: Final = 1024 * 1024


@dataclass(slots=True)
class Budget:
    """Counts down: nodes executed, characters made (also those that are never printed), levels entered."""

    steps: int = MAX_STEPS
    text: int = MAX_TEXT
    depth: int = MAX_DEPTH
    most_steps: int = field(init=False)

    def __post_init__(self) -> None:
        self.most_steps = self.steps

    @classmethod
    def quick(cls) -> "Budget":
        """Room for what is done in a few milliseconds."""
        return cls(steps=QUICK_STEPS, text=QUICK_TEXT)

    @classmethod
    def for_items(cls, count: int) -> "Budget":
        """Room for a template that visits each of `count` messages and tools many times."""
        return cls(steps=MAX_STEPS + STEPS_PER_ITEM * count)

    def spend_text(self, characters: int) -> None:
        """Before text of that length is made."""
        self.text -= characters
        if self.text < 0:
            raise TemplateTooCostly(f"template makes more than {MAX_TEXT} characters, the most that a prompt may have")

    def spend_steps(self, steps: int) -> None:
        """Before that many nodes are executed."""
        self.steps -= steps
        if self.steps < 0:
            message = (
                f"template does not end: it takes more than {self.most_steps} steps, the most that this prompt may"
            )
            raise TemplateTooCostly(message)

    def enter(self) -> None:
        """One level down; `leave` undoes it."""
        self.depth -= 1
        if self.depth < 0:
            raise TemplateTooCostly(f"exceeded maximum template depth ({MAX_DEPTH})")

    def leave(self) -> None:
        """One level up."""
        self.depth += 1
