"""The server as one ASGI application: middleware around the table of routes."""

from urllib.parse import quote

from tampu.config import Settings
from tampu.server.activity import Activity
from tampu.server.asgi import App, Header, Receive, Scope, Send, adding, answer
from tampu.server.exchange import Behind, Exchange
from tampu.server.handlers import Endpoint
from tampu.server.middleware.cors import Cors
from tampu.server.middleware.host import LocalHost, WellFormedHost
from tampu.server.middleware.log import RequestLog
from tampu.server.middleware.rebinding import Rebinding
from tampu.server.operations import Operations
from tampu.server.passed_over import PassedOver
from tampu.server.registry_routes import REGISTRY_ROUTES
from tampu.server.router import Found, MethodNotAllowed, Outcome, Redirect, Router
from tampu.server.routes import ROUTES
from tampu.server.stopping import Stopping
from tampu.server.underway import Underway

_PLAIN: Header = (b"content-type", b"text/plain")
_HTML: Header = (b"content-type", b"text/html; charset=utf-8")
_REDIRECT_WORDS = {301: "Moved Permanently", 307: "Temporary Redirect"}


def build_app(
    operations: Operations,
    settings: Settings,
    *,
    activity: Activity | None = None,
    stopping: Stopping | None = None,
    underway: Underway | None = None,
    passed_over: PassedOver | None = None,
) -> App:
    """The application. From the outside in: log, HTTP's own rules for Host, redirects, Origin, Host twice, endpoint."""
    behind = Behind(operations, settings, stopping or Stopping(), underway or Underway(), passed_over or PassedOver())
    app: App = Dispatch(behind)
    app = LocalHost(app, is_loopback=settings.address.is_loopback)
    app = Rebinding(app, own_name=settings.address.host, allowed_origins=settings.allowed_origins)
    app = Cors(app, allowed_origins=settings.allowed_origins)
    app = Resolve(app, Router((*ROUTES, *REGISTRY_ROUTES) if settings.registry else ROUTES))
    app = WellFormedHost(app)
    return RequestLog(app, activity=activity or Activity())


class Replaceable:
    """An application that another can take the place of; requests that have begun end in the one they began in."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class Resolve:
    """Looks up where a request leads: sends redirects itself, and says which methods a path has.

    It stands outside Origin and Host, because their refusals carry `Allow` too and redirects are not checked.
    """

    def __init__(self, app: App, router: Router[Endpoint]) -> None:
        self._app, self._router = app, router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        outcome = scope["outcome"] = self._router.resolve(scope["method"], scope["path"])
        match outcome:
            case Redirect():
                await _redirect(outcome, scope, send)
            case MethodNotAllowed(allowed=allowed):
                await self._app(scope, receive, adding(send, ((b"allow", ", ".join(allowed).encode()),)))
            case _:
                await self._app(scope, receive, send)


class Dispatch:
    """The innermost application: runs the endpoint that was looked up."""

    def __init__(self, behind: Behind) -> None:
        self._behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        outcome: Outcome[Endpoint] = scope["outcome"]
        match outcome:
            case Found(endpoint=endpoint, parameters=parameters):
                await endpoint(Exchange(self._behind, scope, receive, send, parameters=parameters))
            case MethodNotAllowed():
                await answer(send, 405, b"405 method not allowed", (_PLAIN,))
            case _:
                await answer(send, 404, b"404 page not found", (_PLAIN,))


async def _redirect(redirect: Redirect, scope: Scope, send: Send) -> None:
    # One leading slash only, whatever was asked: `//host` would lead to another machine.
    target = "/" + quote(redirect.path.lstrip("/"), safe="/:@!$&'()*+,;=~-._")
    if scope["query_string"]:
        target += "?" + scope["query_string"].decode("latin-1")
    location: Header = (b"location", target.encode("latin-1"))
    if scope["method"] not in {"GET", "HEAD"}:
        await answer(send, redirect.status, b"", (location,))
        return
    link = target.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;")
    body = f'<a href="{link}">{_REDIRECT_WORDS[redirect.status]}</a>.\n\n'
    await answer(send, redirect.status, body.encode(), (location, _HTML))
