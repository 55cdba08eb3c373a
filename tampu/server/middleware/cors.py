"""Which browser pages may use the server: Origin is checked on every request, before Host and routes.

1. No or an empty Origin: no page asks. 2. Origin is this server itself: the same. 3. Origin is not allowed: 403.
4. OPTIONS: the preflight answer. 5. Otherwise the answer says that the page may read it.
"""

from collections.abc import Sequence

from tampu.server.asgi import App, Header, Receive, Scope, Send, adding, answer, header

_STAINLESS = (
    "Arch Async Custom-Poll-Interval Helper-Method Lang Os Package-Version Poll-Helper Retry-Count Runtime "
    "Runtime-Version Timeout"
)
_ALLOWED_HEADERS = (
    *("Authorization", "Content-Type", "User-Agent", "Accept", "X-Requested-With", "Openai-Beta"),
    *(f"X-Stainless-{name}" for name in _STAINLESS.split()),
)
_ANTHROPIC_HEADERS = ("X-Api-Key", "Anthropic-Version", "Anthropic-Beta", "Anthropic-Dangerous-Direct-Browser-Access")
"""What a page sends with Anthropic's own library; allowed to those that ask for one of them."""
_PREFLIGHT: tuple[Header, ...] = (
    (b"access-control-allow-methods", b"GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"),
    (b"access-control-max-age", b"43200"),
)
_ANY_PAGE: Header = (b"access-control-allow-origin", b"*")
_VARY_ORIGIN: Header = (b"vary", b"Origin")
_VARY_PREFLIGHT: tuple[Header, ...] = (
    (b"vary", b"Access-Control-Request-Method"),
    (b"vary", b"Access-Control-Request-Headers"),
)


def is_allowed(origin: str, allowed: Sequence[str]) -> bool:
    """Whether `origin`, as sent, is one of `allowed`: equal to it, or fitting around its one `*`."""
    for entry in allowed:
        before, star, after = entry.partition("*")
        if origin == entry or (star and origin.startswith(before) and origin.endswith(after)):
            return True
    return False


def is_same_origin(origin: str, host: str) -> bool:
    """Whether the page came from this very server."""
    return origin in {f"http://{host}", f"https://{host}"}


def _allowed_headers(asked: str) -> Header:
    wanted = {name.strip().lower() for name in asked.split(",")}
    is_anthropic = any(name.lower() in wanted for name in _ANTHROPIC_HEADERS)
    names = (*_ALLOWED_HEADERS, *_ANTHROPIC_HEADERS) if is_anthropic else _ALLOWED_HEADERS
    return b"access-control-allow-headers", ",".join(names).encode()


class Cors:
    """The middleware."""

    def __init__(self, app: App, *, allowed_origins: Sequence[str]) -> None:
        self._app, self._allowed = app, tuple(allowed_origins)
        self._all = "*" in self._allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = header(scope, b"origin")
        if not origin or is_same_origin(origin, header(scope, b"host")):
            await self._app(scope, receive, send)
        elif not (self._all or is_allowed(origin, self._allowed)):
            await answer(send, 403)
        elif scope["method"] == "OPTIONS":
            allowed = _allowed_headers(header(scope, b"access-control-request-headers"))
            await answer(send, 204, b"", (allowed, *_PREFLIGHT, *self._readable_by(origin), *self._preflight_vary()))
        else:
            await self._app(scope, receive, adding(send, self._readable_by(origin)))

    def _readable_by(self, origin: str) -> tuple[Header, ...]:
        if self._all:
            return (_ANY_PAGE,)
        return (b"access-control-allow-origin", origin.encode("latin-1")), _VARY_ORIGIN

    def _preflight_vary(self) -> tuple[Header, ...]:
        return () if self._all else _VARY_PREFLIGHT
