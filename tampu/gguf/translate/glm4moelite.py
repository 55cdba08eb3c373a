"""GLM 4 Lite with experts, which the engine reads as a DeepSeek 2."""

from tampu.errors import InvalidModelFile
from tampu.gguf.translate.facts import u32, words
from tampu.gguf.translate.translation import Translation

_NEW = "deepseek2"
_MOST = 2**31
_HEAD = "glm4moelite.attention.key_length"
_ENDS = "tokenizer.ggml.eos_token_ids"


def is_published(file: Translation) -> bool:
    del file
    return True


def translate_text(made: Translation) -> None:
    heads = made.number(_HEAD)
    made.become(_NEW)
    made.origins |= {f"{_NEW}.attention.{key}_length_mla": _HEAD for key in ("key", "value")}
    made.facts[f"{_NEW}.attention.head_count_kv"] = u32(1)
    rank, rotated = made.number(f"{_NEW}.attention.kv_lora_rank"), made.number(f"{_NEW}.rope.dimension_count")
    for key, number in ((f"{_NEW}.attention.kv_lora_rank", rank), (f"{_NEW}.rope.dimension_count", rotated)):
        if number is not None and not 0 < number < _MOST:
            raise InvalidModelFile(f'the key "{key.replace(_NEW, "glm4moelite")}" must be a length, not {number}')
    if rank is not None and rotated is not None:
        made.facts[f"{_NEW}.attention.key_length"] = u32(rank + rotated)
        made.facts[f"{_NEW}.attention.value_length"] = u32(rank)
    if heads is not None:
        made.facts[f"{_NEW}.attention.key_length_mla"] = u32(heads, _HEAD)
        made.facts[f"{_NEW}.attention.value_length_mla"] = u32(heads, _HEAD)
    for key in ("expert_group_count", "expert_group_used_count"):
        made.default(f"{_NEW}.{key}", u32(1))
    made.facts["tokenizer.ggml.pre"] = words("glm4")
    ends = [number for number in made.whole_numbers(_ENDS) if number >= 0]
    for key, number in zip(("eot", "eom"), ends[1:3], strict=False):
        made.default(f"tokenizer.ggml.{key}_token_id", u32(number, _ENDS))
