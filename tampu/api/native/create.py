"""`POST /api/create`: make a model from another one or from uploaded blobs, with reports."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import msgspec

from tampu.api.dialect import Call, StreamCodec
from tampu.api.native.chat import MessageBody
from tampu.api.native.errors import CREATE, errors_of
from tampu.api.native.progress import progress_writer
from tampu.api.words import check_name
from tampu.errors import BadRequest
from tampu.management import CreateRequest
from tampu.progress import Progress
from tampu.wire import decode as decode_json
from tampu.wire import encode as encode_json


class _Body(msgspec.Struct):
    go_name: ClassVar = "CreateRequest"

    model: str = ""
    name: str = ""
    stream: bool = True
    base: str = msgspec.field(default="", name="from")
    files: dict[str, str] | None = None
    adapters: dict[str, str] | None = None
    draft_files: dict[str, str] | None = None
    template: str = ""
    system: str = ""
    license: Any = None
    parameters: dict[str, Any] = {}
    messages: list[MessageBody] = []
    quantize: str = ""
    quantization: str = ""
    draft_quantize: str = ""
    renderer: str = ""
    parser: str = ""
    requires: str = ""
    remote_host: str = ""
    info: dict[str, Any] = {}


def _decode(call: Call) -> CreateRequest:
    body = decode_json(_Body, call.body)
    name = body.model or body.name
    # Suffixes such as `:cloud` are plain tags of a new model.
    check_name(name, CREATE)
    for files in (body.files, body.draft_files):
        _check_paths(files or {})
    for files in (body.files, body.adapters, body.draft_files):
        _check_digests((files or {}).values())
    if body.draft_quantize and not body.draft_files:
        raise BadRequest("--draft-quantize requires a DRAFT model")
    licenses, license_fault = _licenses(body.license)
    return CreateRequest(
        model=name,
        stream=body.stream,
        base=body.base,
        files=body.files,
        adapters=body.adapters,
        draft_files=body.draft_files,
        template=body.template,
        system=body.system,
        licenses=licenses,
        license_fault=license_fault,
        parameters=body.parameters,
        messages=tuple(item.message() for item in body.messages),
        quantize=body.quantize or body.quantization,
        draft_quantize=body.draft_quantize,
        renderer=body.renderer,
        parser=body.parser,
        requires=body.requires,
        remote_host=body.remote_host,
        info=body.info,
    )


def _check_paths(files: Mapping[str, str]) -> None:
    """Slash-separated, relative, without empty, `.` or `..` parts; a lone `.` is a name of its own."""
    for path in files:
        if path != "." and not {"", ".", ".."}.isdisjoint(path.split("/")):
            raise BadRequest("file path must be relative")


def _check_digests(digests: Iterable[str]) -> None:
    # One that is not empty but malformed fails later, when the file is looked up.
    if not all(digests):
        raise BadRequest("invalid digest format")


def _licenses(value: Any) -> tuple[tuple[str, ...], str]:
    """One text or several, and what is wrong with them."""
    if value is None or value == "":
        return (), ""
    if isinstance(value, str):
        return (value,), ""
    try:
        return tuple(decode_json(list[str], encode_json(value))), ""
    except BadRequest as error:
        return (), error.message


CREATE_CODEC: StreamCodec[CreateRequest, Progress] = StreamCodec(
    decode=_decode,
    writer=lambda request: progress_writer(CREATE, streams=request.stream),
    encode_error=errors_of(CREATE),
)
