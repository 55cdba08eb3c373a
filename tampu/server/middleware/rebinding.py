"""Refuses a page that reaches this server under a name of the open internet: its own name, bound to this machine.

For a server that others may reach: it has many names, and any of them may be in Host. To a browser such a page is of
the same origin as the server, so Origin does not give it away. But what asks for more than to be shown something always
has an Origin, and names of machines in a home or an office are told from those of the internet. Who serves pages under
such a name on purpose names it in OLLAMA_ORIGINS.
"""

import ipaddress
import logging
from collections.abc import Sequence
from typing import Final

from tampu.server.asgi import App, Receive, Scope, Send, answer, header
from tampu.server.middleware.cors import is_allowed, is_same_origin
from tampu.server.middleware.host import is_local_name, without_port

_log = logging.getLogger("tampu.server")
_SHOWS_ONLY: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_NETWORK_SUFFIXES: Final = (".lan", ".home.arpa", ".localdomain")


def is_of_the_internet(name: str) -> bool:
    """Whether anybody could own the name (Host without its port) and bind it to any address."""
    name = name.lower().strip("[]").rstrip(".")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "." in name and not is_local_name(name) and not name.endswith(_NETWORK_SUFFIXES)
    return False


class Rebinding:
    """The middleware. `own_name`: the host that the server was told to listen on."""

    def __init__(self, app: App, *, own_name: str, allowed_origins: Sequence[str]) -> None:
        self._app, self._own_name, self._allowed = app, own_name.lower(), tuple(allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin, host = header(scope, b"origin"), header(scope, b"host")
        if scope["method"] in _SHOWS_ONLY or not self._is_suspect(origin, host):
            await self._app(scope, receive, send)
            return
        _log.warning("a page of %r was refused: if it is yours, name it in OLLAMA_ORIGINS", origin)
        await answer(send, 403)

    def _is_suspect(self, origin: str, host: str) -> bool:
        if not origin or not is_same_origin(origin, host) or is_allowed(origin, self._allowed):
            return False
        name = without_port(host)
        return is_of_the_internet(name) and name.lower() != self._own_name
