"""Forms with files (`multipart/form-data`), as programs upload sounds. Pure; the body is whole and in memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message as Header

from tampu.errors import BadRequest

_FAILED = "failed to parse multipart form: "
_NO_FORM = f"{_FAILED}request Content-Type isn't multipart/form-data"
_CUT = f"{_FAILED}multipart: NextPart: EOF"
_MOST_PARTS = 64
_LONGEST_HEAD = 8192
_LINE = b"\r\n"


@dataclass(frozen=True, slots=True)
class Field:
    """What a form holds under a name. `is_file`: it came with a file's name."""

    data: bytes
    is_file: bool = False

    @property
    def text(self) -> str:
        """The field as a text; bytes that are no UTF-8 become U+FFFD."""
        return self.data.decode("utf-8", "replace")


def read_form(content_type: str, body: bytes) -> Mapping[str, Field]:
    """The fields by name, the first of each; raises BadRequest for what is no form, or is cut."""
    boundary = _boundary(content_type)
    parts = (_LINE + body).split(b"%b--%b" % (_LINE, boundary), _MOST_PARTS + 1)
    if not parts[-1].startswith(b"--"):
        if len(parts) > _MOST_PARTS:
            raise BadRequest(f"{_FAILED}more than {_MOST_PARTS} parts")
        raise BadRequest(_CUT)
    fields: dict[str, Field] = {}
    for part in parts[1:-1]:
        name, field = _read_part(part)
        fields.setdefault(name, field)
    return fields


def _boundary(content_type: str) -> bytes:
    header = Header()
    header["content-type"] = content_type.replace("\r", "").replace("\n", "")
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str) or not boundary:
        raise BadRequest(_NO_FORM)
    return boundary.encode("utf-8", "replace")


def _read_part(part: bytes) -> tuple[str, Field]:
    """A part begins with the rest of its boundary's line; its headers end at the first empty line."""
    head, found, data = part[: _LONGEST_HEAD + 4].partition(_LINE * 2)
    if not found:
        raise BadRequest(_CUT)
    data = part[len(head) + 2 * len(_LINE) :]
    disposition = Header()
    for line in head.split(_LINE):
        kind, _, value = line.decode("utf-8", "replace").partition(":")
        if kind.strip().lower() == "content-disposition":
            disposition["content-disposition"] = value.strip()
    name = disposition.get_param("name", "", "content-disposition")
    is_file = disposition.get_param("filename", None, "content-disposition") is not None
    return str(name), Field(data, is_file)
