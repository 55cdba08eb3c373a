"""`/v2/<name>/manifests/<tag or digest>` and `/v2/<name>/blobs/<digest>`: what a pull reads."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from tampu.api.dialect import AnswerCodec, Call, FileCodec, FileReply, Reply
from tampu.api.registry.errors import VERSION, outside, registry_error
from tampu.api.registry.spans import Span, wanted_span
from tampu.sharing import Lookup, SharedBlob, SharedManifest

_BLOB_TYPE: Final = "application/octet-stream"
_MANIFEST_TYPE: Final = "application/vnd.docker.distribution.manifest.v2+json"
_MEDIA_TYPE: Final = re.compile(r"[\w.+-]{1,100}/[\w.+-]{1,100}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ContentCall:
    """What is looked up, and on which conditions it should be sent."""

    lookup: Lookup
    range: str = ""
    if_range: str = ""
    if_none_match: str = ""


def _decode(call: Call) -> ContentCall:
    return ContentCall(
        Lookup(call.parameters["name"], call.parameters["reference"]),
        range=call.headers.get("range", ""),
        if_range=call.headers.get("if-range", "").strip(),
        if_none_match=call.headers.get("if-none-match", ""),
    )


def _encode_manifest(call: ContentCall, manifest: SharedManifest) -> Reply:
    named = _named(manifest.digest)
    if _has_it_already(call, manifest.digest):
        return Reply(304, headers=named)
    # What a manifest says of itself came from a stranger: nothing but a type may become a header.
    media_type = manifest.media_type if _MEDIA_TYPE.fullmatch(manifest.media_type) else _MANIFEST_TYPE
    return Reply(200, manifest.content, media_type, named)


def _encode_blob(call: ContentCall, blob: SharedBlob) -> FileReply | Reply:
    named = _named(blob.digest)
    if _has_it_already(call, blob.digest):
        return Reply(304, headers=named)
    span = wanted_span(call.range, call.if_range, size=blob.size, etag=_etag(blob.digest))
    if span is None:
        return outside(blob.size)
    # Ollama takes no blob from a registry that does not say where it is, be it the very same place.
    place = f"/v2/{quote(call.lookup.repository, safe='/:')}/blobs/{blob.digest}"
    headers = (*named, ("content-type", _BLOB_TYPE), ("accept-ranges", "bytes"), ("location", place))
    return FileReply(206 if span.is_part else 200, (*headers, *_measures(span, blob.size)), span.start, span.end)


def _measures(span: Span, size: int) -> tuple[tuple[str, str], ...]:
    length = ("content-length", str(span.end - span.start))
    return (length, ("content-range", f"bytes {span.start}-{span.end - 1}/{size}")) if span.is_part else (length,)


def _named(digest: str) -> tuple[tuple[str, str], ...]:
    return (VERSION, ("docker-content-digest", digest), ("etag", _etag(digest)))


def _etag(digest: str) -> str:
    return f'"{digest}"'


def _has_it_already(call: ContentCall, digest: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in call.if_none_match.split(",")]
    return _etag(digest) in tags


MANIFEST_CODEC: AnswerCodec[ContentCall, SharedManifest] = AnswerCodec(
    decode=_decode, encode=_encode_manifest, encode_error=registry_error
)
BLOB_CODEC: FileCodec[ContentCall, SharedBlob] = FileCodec(
    decode=_decode, encode=_encode_blob, encode_error=registry_error
)
