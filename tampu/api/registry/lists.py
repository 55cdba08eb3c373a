"""`/v2/`, `/v2/_catalog` and `/v2/<name>/tags/list`: that this is a registry, and what it has, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from tampu.api.dialect import JSON_UTF8, AnswerCodec, Call, Reply
from tampu.api.query import query_fields, whole_number
from tampu.api.registry.errors import VERSION, registry_error
from tampu.errors import InvalidParameter
from tampu.wire import encode

CHECK: Final = Reply(200, b"{}", JSON_UTF8, (VERSION,))
LONGEST_PAGE: Final = 1000
_LONGEST_QUERY: Final = 2000


@dataclass(frozen=True, slots=True)
class ListCall:
    """Which part of a list: what comes after `last`, at most `limit` of it.

    The list is that of the tags of `repository` or, where that is empty, that of the repositories.
    """

    last: str
    limit: int
    repository: str = ""


def _decode(call: Call) -> ListCall:
    fields = query_fields(call.query[:_LONGEST_QUERY])
    count = whole_number(fields["n"]) if fields.get("n") else LONGEST_PAGE
    if not count:
        raise InvalidParameter("invalid number of results requested: n must be a positive whole number")
    return ListCall(fields.get("last", ""), min(count, LONGEST_PAGE), call.parameters.get("name", ""))


def _encode_tags(call: ListCall, tags: Sequence[str]) -> Reply:
    shown, following = _page(tags, call, f"/v2/{quote(call.repository, safe='/:')}/tags/list")
    return Reply(200, encode({"name": call.repository, "tags": shown}), JSON_UTF8, (VERSION, *following))


def _encode_catalog(call: ListCall, repositories: Sequence[str]) -> Reply:
    shown, following = _page(repositories, call, "/v2/_catalog")
    return Reply(200, encode({"repositories": shown}), JSON_UTF8, (VERSION, *following))


def _page(names: Sequence[str], call: ListCall, path: str) -> tuple[list[str], tuple[tuple[str, str], ...]]:
    """The part of the sorted `names` that is wanted, and the header that leads to the next part if there is one."""
    after = [name for name in names if name > call.last]
    shown = after[: call.limit]
    if len(shown) == len(after):
        return shown, ()
    query = urlencode({"last": shown[-1], "n": call.limit})
    return shown, (("link", f'<{path}?{query}>; rel="next"'),)


TAGS_CODEC: AnswerCodec[ListCall, Sequence[str]] = AnswerCodec(
    decode=_decode, encode=_encode_tags, encode_error=registry_error
)
CATALOG_CODEC: AnswerCodec[ListCall, Sequence[str]] = AnswerCodec(
    decode=_decode, encode=_encode_catalog, encode_error=registry_error
)
