"""Logins that Docker keeps: found, shown to the registry that they are for, and to nobody else."""

import base64
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from tampu.errors import RegistryDenied
from tampu.registry.logins import Login, Logins
from tests.fakes.pulling import PullServices, open_services
from tests.fakes.registry_server import Content, FakeRegistry, status

pytestmark = pytest.mark.anyio

SECRET = "open sesame"
BASIC = f"Basic {base64.b64encode(f'ann:{SECRET}'.encode()).decode()}"


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with FakeRegistry() as registry:
        registry.add_model("me/small:v1", ("model", b"weights"))
        yield registry


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[PullServices]:
    async with open_services(tmp_path) as services:
        yield services


def write(home: Path, **fields: Any) -> Logins:
    folder = home / ".docker"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(fields))
    return Logins(folder)


def packed(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    "key", ["r.example:5000", "https://r.example:5000", "http://r.example:5000/v2/", "R.Example:5000/x"]
)
async def test_a_login_is_found_by_host_and_port(tmp_path: Path, key: str) -> None:
    logins = write(tmp_path, auths={"r.example": packed("no:no"), key: packed("ann:with:colons")})
    assert await logins.find("r.example:5000") == Login("ann", "with:colons")
    assert await logins.find("r.example:5001") is None
    assert await logins.find("evil.r.example:5000") is None


async def test_the_forms_of_a_login(tmp_path: Path) -> None:
    auths = {
        "plain": {"username": "ann", "password": SECRET},
        "token": {**packed("ann:"), "identitytoken": "t0ken"},
        "empty": {},
    }
    logins = write(tmp_path, auths=auths, HttpHeaders={"x": "y"})
    assert await logins.find("plain") == Login("ann", SECRET)
    assert await logins.find("token") == Login("", "t0ken", is_token=True)
    assert await logins.find("empty") is None
    assert await Logins(tmp_path / "nowhere").find("plain") is None


def test_a_login_does_not_print() -> None:
    assert SECRET not in f"{Login('ann', SECRET)!r} {Login('ann', SECRET)}"


@pytest.mark.parametrize("text", ["{", '{"auths": []}', '{"auths": {"r.example": {"auth": "***"}}}'])
async def test_a_damaged_file_is_told(tmp_path: Path, text: str) -> None:
    write(tmp_path)
    (tmp_path / ".docker" / "config.json").write_text(text)
    with pytest.raises(RegistryDenied, match=r"Docker's config\.json"):
        await Logins(tmp_path / ".docker").find("r.example")


# --- helpers ---------------------------------------------------------------------------------------------------------


def helper(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\nread server\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


async def test_a_helper_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = '[ "$1 $server" = "get r.example" ] && echo \'{"Username": "ann", "Secret": "open sesame"}\''
    helper(tmp_path, "mine", answer, monkeypatch)
    helper(tmp_path, "all", 'echo \'{"Username": "<token>", "Secret": "t0ken"}\'', monkeypatch)
    logins = write(tmp_path, credHelpers={"r.example": "mine"}, credsStore="all", auths={"r.example": {}})
    assert await logins.find("r.example") == Login("ann", SECRET)
    assert await logins.find("other.example") == Login("", "t0ken", is_token=True)


async def test_a_helper_that_knows_nothing_leaves_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(tmp_path, "mine", "echo credentials not found in native keychain; exit 1", monkeypatch)
    logins = write(tmp_path, credsStore="mine", auths={"r.example": packed(f"ann:{SECRET}")})
    assert await logins.find("r.example") == Login("ann", SECRET)


@pytest.mark.parametrize("name", ["absent", "../../bin/sh", "-x", "a/b", "sh; true"])
async def test_only_an_installed_helper_is_run(tmp_path: Path, name: str) -> None:
    with pytest.raises(RegistryDenied, match="is not installed"):
        await write(tmp_path, credsStore=name).find("r.example")


async def test_a_helper_that_talks_nonsense(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(tmp_path, "mine", "echo open sesame", monkeypatch)
    with pytest.raises(RegistryDenied, match="something else than a login") as caught:
        await write(tmp_path, credsStore="mine").find("r.example")
    assert SECRET not in caught.value.message


# --- registries ------------------------------------------------------------------------------------------------------


async def test_a_password_goes_to_the_registry_and_not_where_it_redirects(
    services: PullServices, registry: FakeRegistry, tmp_path: Path
) -> None:
    write(tmp_path, auths={registry.host: packed(f"ann:{SECRET}")})
    registry.script("manifest", status(401, WWW_Authenticate='Basic realm="r"'))
    await services.pull(f"{registry.host}/me/small:v1")
    later = registry.asked[1:]
    assert {asked.headers.get("Authorization") for asked in later if asked.host == registry.host} == {BASIC}
    assert {asked.headers.get("Authorization") for asked in later if asked.host == registry.other} == {None}


async def test_a_password_that_is_refused_is_told_without_it(
    services: PullServices, registry: FakeRegistry, tmp_path: Path
) -> None:
    write(tmp_path, auths={registry.host: packed(f"ann:{SECRET}")})
    challenge = status(401, WWW_Authenticate='Basic realm="r"')
    registry.script("manifest", challenge, challenge)
    with pytest.raises(RegistryDenied, match="does not accept the password of user 'ann'") as caught:
        await services.pull(f"{registry.host}/me/small:v1")
    assert SECRET not in caught.value.message


async def test_a_token_is_asked_for_with_the_login(tmp_path: Path) -> None:
    async with FakeRegistry(token="t0ken") as registry, open_services(tmp_path) as services:
        registry.add_model("me/small:v1", ("model", b"weights"))
        write(tmp_path, auths={registry.host: packed(f"ann:{SECRET}")})
        await services.pull(f"{registry.host}/me/small:v1")
        (asked,) = registry.of_kind("token")
        assert (asked.method, asked.headers["Authorization"]) == ("GET", BASIC)


async def test_an_identity_token_is_traded(tmp_path: Path) -> None:
    traded: list[dict[str, list[str]]] = []

    async def trade(content: Content) -> web.StreamResponse:
        traded.append(parse_qs(await content.request.text()))
        return web.json_response({"access_token": "t0ken"})

    async with FakeRegistry(token="t0ken") as registry, open_services(tmp_path) as services:
        registry.add_model("me/small:v1", ("model", b"weights"))
        registry.script("token", trade)
        write(tmp_path, auths={registry.host: {"identitytoken": SECRET}})
        await services.pull(f"{registry.host}/me/small:v1")
        (form,) = traded
        assert form["grant_type"] == ["refresh_token"]
        assert form["refresh_token"] == [SECRET]
        assert form["scope"] == ["repository:me/small:pull"]


async def test_a_login_is_not_sent_to_a_realm_elsewhere(
    services: PullServices, registry: FakeRegistry, tmp_path: Path
) -> None:
    write(tmp_path, auths={registry.host: packed(f"ann:{SECRET}"), registry.other: packed(f"ann:{SECRET}")})
    challenge = f'Bearer realm="http://{registry.other}/token",service="s",scope="x"'
    registry.script("manifest", status(401, WWW_Authenticate=challenge))
    with pytest.raises(RegistryDenied, match="does not match original host"):
        await services.pull(f"{registry.host}/me/small:v1")
    assert [asked.kind for asked in registry.asked] == ["manifest"]


async def test_a_broken_helper_does_not_stop_those_who_need_no_login(tmp_path: Path) -> None:
    async with FakeRegistry(token="t0ken") as registry, open_services(tmp_path) as services:
        registry.add_model("me/small:v1", ("model", b"weights"))
        write(tmp_path, credsStore="absent")
        await services.pull(f"{registry.host}/me/small:v1")
        (asked,) = registry.of_kind("token")
        assert "Authorization" not in asked.headers
