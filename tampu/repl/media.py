"""Pictures and sound named in a prompt: finds the paths, checks the files, takes them out of the text."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tampu.client.answers import Description
from tampu.errors import BadRequest
from tampu.terminal.console import Console

MAX_BYTES: Final = 100 << 20
_SNIFFED_BYTES: Final = 512
_PATH = re.compile(
    r"(?:[a-zA-Z]:)?(?:\./|/|\\)[\S\\ ]{1,4096}?\.(?:jpg|jpeg|png|webp|wav)\b",
    # Blanks and letters beyond ASCII are part of a name, and a Chinese one may follow it without a blank.
    re.IGNORECASE | re.ASCII,
)
_ESCAPED = re.compile(r"\\([ ()\[\]{}$&;'\\*?~])")
_WAVE: Final = "audio/wave"
_GUESSES: Final = (
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"WEBPVP", 8, "image/webp"),
    (b"WAVE", 8, _WAVE),
    (b"GIF87a", 0, "image/gif"),
    (b"GIF89a", 0, "image/gif"),
    (b"BM", 0, "image/bmp"),
    (b"\x00\x00\x01\x00", 0, "image/x-icon"),
    (b"AVI ", 8, "video/avi"),
    (b"ID3", 0, "audio/mpeg"),
    (b"OggS\x00", 0, "application/ogg"),
    (b"\x1aE\xdf\xa3", 0, "video/webm"),
    (b"%PDF-", 0, "application/pdf"),
    (b"%!PS-Adobe-", 0, "application/postscript"),
    (b"Rar!\x1a\x07", 0, "application/x-rar-compressed"),
    (b"PK\x03\x04", 0, "application/zip"),
    (b"\x1f\x8b\x08", 0, "application/x-gzip"),
)
_PAGE = re.compile(
    rb"[\t\n\x0c\r ]*<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|!--)[ >]",
    re.IGNORECASE,
)
_XML = re.compile(rb"[\t\n\x0c\r ]*<\?xml")
_ACCEPTED: Final = frozenset({"image/jpeg", "image/png", "image/webp", _WAVE})


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message. `path` is as a person wrote it, without shell escapes."""

    path: str
    kind: str
    data: bytes

    @property
    def notice(self) -> str:
        """What is said of it on standard error."""
        return f"Added {'audio' if self.kind == _WAVE else 'image'} '{self.path}'"


def is_media_path(text: str) -> bool:
    """Whether `text` begins with something that looks like the path of a picture or sound."""
    return _PATH.match(text) is not None


def extract_media(prompt: str) -> tuple[str, list[Attachment]]:
    """`prompt` without the paths of media files that exist, and those files; BadRequest for a file of a wrong kind."""
    attachments = []
    for written in _PATH.findall(prompt):
        path = _ESCAPED.sub(r"\1", written)
        attachment = _read(path)
        if attachment is None:
            continue
        attachments.append(attachment)
        for form in (f"'{path}'", f"'{written}'", written):
            prompt = prompt.replace(form, "")
    return prompt.strip(), attachments


def _read(path: str) -> Attachment | None:
    """The file, None where it does not exist."""
    file = Path(path)
    try:
        with file.open("rb") as stream:
            head = stream.read(_SNIFFED_BYTES)
            # Ollama looks at 512 bytes, zeros behind the end of a short file: that is no text.
            kind = sniff(head.ljust(_SNIFFED_BYTES, b"\0"))
            if kind not in _ACCEPTED:
                raise BadRequest(f"invalid file type: {kind}")
            if file.stat().st_size > MAX_BYTES:
                raise BadRequest("file size exceeds maximum limit (100MB)")
            return Attachment(path, kind, head + stream.read())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadRequest(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None


def attach(console: Console, prompt: str) -> tuple[str, list[Attachment]]:
    """`extract_media`, told to the person: what was added, or what is wrong with a file (then raises BadRequest)."""
    try:
        prompt, attachments = extract_media(prompt)
    except BadRequest as error:
        console.tell(f'Couldn\'t process file: "{error.message}"\n')
        raise
    for attachment in attachments:
        console.tell(f"{attachment.notice}\n")
    return prompt, attachments


def is_multimodal(model: Description) -> bool:
    """Whether `model` takes pictures or sound."""
    return (
        not {"vision", "audio"}.isdisjoint(model.capabilities)
        or bool(model.projector_info)
        or any(".vision." in key or ".audio." in key for key in model.model_info)
    )


def sniff(head: bytes) -> str:
    """The MIME type that the first bytes of a file show."""
    if _PAGE.match(head):
        return "text/html; charset=utf-8"
    if _XML.match(head):
        return "text/xml; charset=utf-8"
    for sign, place, kind in _GUESSES:
        if head[place : place + len(sign)] == sign and (place == 0 or head.startswith(b"RIFF")):
            return kind
    controls = set(range(9)) | {11} | set(range(14, 27)) | set(range(28, 32))
    return "application/octet-stream" if controls & set(head) else "text/plain; charset=utf-8"
