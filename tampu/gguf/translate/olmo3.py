"""OLMo 3, which the engine reads as an OLMo 2 with windows."""

from tampu.gguf.translate.translation import Translation


def is_published(file: Translation) -> bool:
    del file
    return True


def translate_text(made: Translation) -> None:
    made.become("olmo2")
