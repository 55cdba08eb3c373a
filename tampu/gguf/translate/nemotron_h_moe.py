"""Nemotron H with experts: other names for the narrow place before its experts, and layers that look ahead."""

import re

from tampu.gguf.translate.facts import u32
from tampu.gguf.translate.translation import Translation

_LATENT = re.compile(r"blk\.(\d{1,4})\.ffn_latent_in\.weight", re.ASCII)


def is_published(file: Translation) -> bool:
    return any(name.startswith("mtp.") or ".ffn_latent_in" in name for name in file.stored)


def translate_text(made: Translation) -> None:
    found = [(int(match[1]), match[0]) for match in map(_LATENT.fullmatch, made.stored) if match]
    if found:
        width = made.size(min(found)[1], 1)
        made.default("nemotron_h_moe.moe_latent_size", u32(width or 1))
    made.replace((".ffn_latent_in", ".ffn_latent_down"), (".ffn_latent_out", ".ffn_latent_up"))
    made.hide("mtp.")
