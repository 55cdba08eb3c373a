"""Nemotron Nano: a thinking block, then text with the calls of Qwen3-Coder."""

from dataclasses import replace
from typing import Final

from tampu.parsing.formats.machine import FormatParser
from tampu.parsing.formats.qwen3 import PLACES
from tampu.parsing.formats.qwen3_coder import xml_parser
from tampu.parsing.formats.request import ReplyRequest

_PLACES: Final = {**PLACES, "start": replace(PLACES["start"], drops_blanks=True, keeps_one_blank=True)}


def parser(request: ReplyRequest) -> FormatParser:
    """In the middle of thinking, unless told otherwise."""
    is_answering = request.is_prefilled or not request.thinks(by_default=True)
    return xml_parser(_PLACES, "text" if is_answering else "start", request)
