"""What the server says of itself: the root page, `/api/version`, `/api/status`, and the routes that need a cloud.

There is no cloud behind this server. It answers those routes as Ollama does with its cloud switched off.
"""

from tampu import OLLAMA_VERSION, __version__
from tampu.api.dialect import JSON_UTF8, Call, Reply
from tampu.api.native.errors import PLAIN, native_error
from tampu.errors import BadRequest, Forbidden, Unauthorized
from tampu.wire import encode as encode_json

# Ours goes in a header, because clients that check the shape of the body know one field only. They compare Ollama's.
VERSION = Reply(200, encode_json({"version": OLLAMA_VERSION}), JSON_UTF8, (("tampu-version", __version__),))
ROOT = Reply(200, b"Ollama is running", "text/plain; charset=utf-8")
NO_RECOMMENDATIONS = Reply(200, encode_json({"recommendations": []}), JSON_UTF8)
STATUS = {
    source: Reply(200, encode_json({"cloud": {"disabled": True, "source": source}}), JSON_UTF8)
    for source in ("none", "env", "config", "both")
}
NOT_SIGNED_IN = Reply(401, encode_json({"error": "unauthorized"}), JSON_UTF8)
NOT_SIGNED_OUT = native_error(Unauthorized("you are not currently signed in"), PLAIN)


def web_search(call: Call) -> Reply:
    """A search of the web would need the cloud."""
    return _without_cloud(call, "web search")


def web_fetch(call: Call) -> Reply:
    """As would fetching a page."""
    return _without_cloud(call, "web fetch")


def _without_cloud(call: Call, what: str) -> Reply:
    if not call.body.strip():
        return native_error(BadRequest("missing request body"), PLAIN)
    return native_error(Forbidden(f"ollama cloud is disabled: {what} is unavailable"), PLAIN)
