"""What begins the prompts of some families: the text of a token that many engines add themselves."""

from typing import Final

DEEPSEEK: Final = "<｜begin▁of▁sentence｜>"
LAGUNA: Final = "〈|EOS|〉"
LFM: Final = "<|startoftext|>"
