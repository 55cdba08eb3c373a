"""How far a prompt is read, of answers that take several passes: it is told once, whatever is read again."""

from collections.abc import Callable

from tampu.generation import GenerationEvent, PromptProgress

Tell = Callable[[GenerationEvent], None]


def only_progress(tell: Tell) -> Tell:
    """Tells how far the prompt is read, and nothing else."""

    def take(event: GenerationEvent) -> None:
        if isinstance(event, PromptProgress):
            tell(event)

    return take


def without_progress(tell: Tell) -> Tell:
    """Tells all but how far the prompt is read: it was read before, and that it is read again is nobody's business."""

    def take(event: GenerationEvent) -> None:
        if not isinstance(event, PromptProgress):
            tell(event)

    return take
