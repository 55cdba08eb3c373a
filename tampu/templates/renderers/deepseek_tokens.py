"""The special texts that the DeepSeek family and Cogito share."""

from typing import Final

EOS: Final = "<｜end▁of▁sentence｜>"
USER: Final = "<｜User｜>"
ASSISTANT: Final = "<｜Assistant｜>"
CALLS_BEGIN: Final = "<｜tool▁calls▁begin｜>"
CALLS_END: Final = "<｜tool▁calls▁end｜>"
CALL_BEGIN: Final = "<｜tool▁call▁begin｜>"
CALL_END: Final = "<｜tool▁call▁end｜>"
SEPARATOR: Final = "<｜tool▁sep｜>"
OUTPUT_BEGIN: Final = "<｜tool▁output▁begin｜>"
OUTPUT_END: Final = "<｜tool▁output▁end｜>"
OUTPUTS_BEGIN: Final = "<｜tool▁outputs▁begin｜>"
OUTPUTS_END: Final = "<｜tool▁outputs▁end｜>"
