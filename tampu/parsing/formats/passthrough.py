"""No format at all: what the model says is the answer."""

from tampu.parsing.formats.machine import FormatParser, Place, Sink
from tampu.parsing.formats.request import ReplyRequest


def parser(request: ReplyRequest) -> FormatParser:  # noqa: ARG001 - every format is made of a request
    """All is text."""
    return FormatParser({"text": Place(Sink.TEXT, drops_blanks=False)}, "text")
