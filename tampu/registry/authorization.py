"""Who one client says it is to one registry: nobody, the bearer of a token, or a user with a password.

Decides by the registry's challenge. What it says is for the registry's own host alone: whoever sends its headers keeps
them from other origins.
"""

import hmac
import logging
from typing import Final

from aiohttp import hdrs

from tampu.errors import RegistryDenied
from tampu.registry.identity import Identity
from tampu.registry.logins import Login, Logins
from tampu.registry.token import Challenge, fetch_token
from tampu.registry.transport import Transport

_log = logging.getLogger(__name__)

_DENIED: Final = "unauthorized: access denied"


class Authorization:
    """Begins as nobody; `answer` makes it more."""

    def __init__(
        self, transport: Transport, authority: str, *, identity: Identity | None, logins: Logins | None
    ) -> None:
        self._transport, self._authority = transport, authority
        self._identity, self._logins = identity, logins
        self._value = ""
        self._login: Login | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What to send along with a request to the registry."""
        return {hdrs.AUTHORIZATION: self._value} if self._value else {}

    async def answer(self, header: str, *, sent: str) -> None:
        """Answer the challenge in a `WWW-Authenticate` header to a request that said `sent` (its `Authorization`).

        Raises RegistryDenied where there is nothing to answer with, and for a realm on another host.
        """
        challenge = Challenge.parse(header)
        if challenge.wants_password:
            await self._log_in(sent)
            return
        challenge.check(self._authority)
        login = await self._login_if_any()
        token = await fetch_token(self._transport, challenge, self._authority, identity=self._identity, login=login)
        self._value = f"Bearer {token}" if token else ""

    def refused(self) -> RegistryDenied:
        """The error for a registry that asks again although it was answered."""
        if self._login is not None:
            return RegistryDenied(f"{_DENIED} to {self._login.user or 'the login'} at {self._authority}")
        return RegistryDenied(_DENIED)

    async def _log_in(self, sent: str) -> None:
        login = await self._logins.find(self._authority) if self._logins else None
        if login is None or login.is_token:
            raise RegistryDenied(
                f"the registry {self._authority} wants a user name and a password, and Docker's config.json has none "
                f"for it; log in with: docker login {self._authority}"
            )
        if hmac.compare_digest(login.basic, sent):
            raise RegistryDenied(
                f"the registry {self._authority} does not accept the password of user {login.user!r} that Docker's "
                f"config.json has; log in again with: docker login {self._authority}"
            )
        self._value = login.basic

    async def _login_if_any(self) -> Login | None:
        """The user's login. Without one there is still the identity, so a broken helper is no reason to stop."""
        if self._logins is None:
            return None
        try:
            self._login = await self._logins.find(self._authority)
        except RegistryDenied as error:
            _log.warning("no login for %s", self._authority, extra={"error": error.message})
        return self._login
