"""Bearer tokens: reading a registry's challenge, checking that it speaks for itself, asking for the token."""

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self
from urllib.parse import parse_qsl, urlencode

import msgspec
from aiohttp import hdrs
from yarl import URL

from tampu.errors import RegistryDenied, RegistryError
from tampu.registry.documents import read_json
from tampu.registry.identity import Identity
from tampu.registry.logins import Login
from tampu.registry.transport import Transport, error_text, read_document

_FIELD = re.compile(r'(\w+)\s*=\s*"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a 401 asks for."""

    realm: str
    service: str = ""
    scopes: tuple[str, ...] = ()
    wants_password: bool = False
    """A name and a password (the scheme Basic), not a token."""

    @classmethod
    def parse(cls, header: str) -> Self:
        """Read a `WWW-Authenticate` header; another scheme than Bearer gives an empty realm."""
        scheme, _, rest = header.partition(" ")
        if scheme.lower() == "basic":
            return cls("", wants_password=True)
        fields = dict(_FIELD.findall(rest)) if scheme.lower() == "bearer" else {}
        return cls(fields.get("realm", ""), fields.get("service", ""), tuple(fields.get("scope", "").split()))

    def check(self, authority: str) -> URL:
        """The realm, if it is the registry's own; raises RegistryDenied, for a token is worth stealing."""
        try:
            realm = URL(self.realm, encoded=True)
            host = realm.host_port_subcomponent or ""
        except ValueError:
            host = ""
        if not host or host != authority:
            raise RegistryDenied(f'realm host "{host}" does not match original host "{authority}"')
        return realm.with_user(None)

    def url(self, realm: URL, *, nonce: str, at: int) -> str:
        """The address of the token, its query in the order that the signature needs: sorted by key."""
        query = [*parse_qsl(realm.query_string, keep_blank_values=True), ("service", self.service)]
        query += [("scope", scope) for scope in self.scopes]
        query += [("ts", str(at)), ("nonce", nonce)]
        query.sort(key=lambda item: item[0])
        return f"{realm.with_query(None)}?{urlencode(query)}"


class _TokenAnswer(msgspec.Struct):
    go_name: ClassVar = "TokenResponse"

    token: str = ""
    access_token: str = ""


async def fetch_token(
    transport: Transport, challenge: Challenge, authority: str, *, identity: Identity | None, login: Login | None
) -> str:
    """The token for `challenge`, empty if the registry gives none.

    Asked for with the user's login, else signed with the identity if there is one, else for anybody. Sent to the
    registry's own host only; raises RegistryDenied, RegistryError.
    """
    realm = challenge.check(authority)
    if login is not None and login.is_token:
        return await _trade_token(transport, challenge, realm, login)
    url = challenge.url(realm, nonce=secrets.token_urlsafe(16), at=int(time.time()))
    headers: dict[str, str] = {hdrs.ACCEPT_ENCODING: "gzip"}
    if login is not None:
        headers[hdrs.AUTHORIZATION] = login.basic
    elif identity is not None:
        headers[hdrs.AUTHORIZATION] = identity.sign_token_request(url)
    return await _receive(transport, "GET", URL(url, encoded=True), headers)


async def _trade_token(transport: Transport, challenge: Challenge, realm: URL, login: Login) -> str:
    """A token for an identity token, as OAuth 2 trades them."""
    form = {"grant_type": "refresh_token", "service": challenge.service, "scope": " ".join(challenge.scopes)}
    body = urlencode({**form, "client_id": "tampu", "refresh_token": login.secret}).encode()
    headers: dict[str, str] = {
        hdrs.ACCEPT_ENCODING: "gzip",
        hdrs.CONTENT_TYPE: "application/x-www-form-urlencoded",
    }
    return await _receive(transport, "POST", realm, headers, body)


async def _receive(
    transport: Transport, method: str, url: URL, headers: Mapping[str, str], body: bytes | None = None
) -> str:
    # No redirect is followed: the realm check would be worth nothing.
    async with transport.send(method, url, headers, body=body) as response:
        if response.status >= 300:
            kind = RegistryDenied if response.status in {401, 403} else RegistryError
            text = await error_text(response)
            raise kind(f"{response.status}: {text}" if text else str(response.status))
        content = await read_document(response, transport.patience)
    answer = read_json(_TokenAnswer, content)
    return answer.token or answer.access_token
