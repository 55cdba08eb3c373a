"""A route of ours: `GET /api/logs?model=&lines=&follow=`, a line of JSON for each line of the log."""

from tampu.api.dialect import Call, StreamCodec
from tampu.api.native.errors import UPKEEP, errors_of
from tampu.api.native.progress import ReportWriter
from tampu.api.query import query_fields, whole_number
from tampu.api.words import check_reference
from tampu.errors import InvalidParameter
from tampu.upkeep import LogRequest

_YES, _NO = frozenset({"1", "true"}), frozenset({"0", "false", ""})


def _decode(call: Call) -> LogRequest:
    given = query_fields(call.query)
    model = given.get("model", "")
    if model:
        check_reference(model, UPKEEP)
    return LogRequest(model=model, lines=_count(given.get("lines", "100")), follow=_flag(given.get("follow", "")))


def _count(text: str) -> int:
    number = whole_number(text)
    if number is None:
        raise InvalidParameter(f"lines: {text!r} is not allowed; a whole number is")
    return number


def _flag(text: str) -> bool:
    if text.lower() not in _YES | _NO:
        raise InvalidParameter(f"follow: {text!r} is not allowed; true or false is")
    return text.lower() in _YES


CODEC: StreamCodec[LogRequest, str] = StreamCodec(
    decode=_decode,
    writer=lambda _: ReportWriter(UPKEEP, lambda line: {"line": line}, streams=True),
    encode_error=errors_of(UPKEEP),
)
