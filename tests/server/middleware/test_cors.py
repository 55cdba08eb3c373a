"""Which origins may read answers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.config import BUILT_IN_ORIGINS
from tampu.server.middleware.cors import Cors, is_allowed, is_same_origin


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost", True),
        ("https://localhost:3000", True),
        ("http://127.0.0.1:1", True),
        ("http://0.0.0.0", True),
        ("file://", True),
        ("tauri://localhost", True),
        ("null", False),
        ("chrome-extension://abc", False),
        ("http://localhost.evil.com", False),
        ("http://127.0.0.1.nip.io", False),
        ("http://evil.com", False),
        ("HTTP://LOCALHOST", False),
        ("http://[::1]:11434", False),
        ("http://localhost.", False),
        ("", False),
    ],
)
def test_built_in_origins(origin: str, *, allowed: bool) -> None:
    assert is_allowed(origin, BUILT_IN_ORIGINS) is allowed


@given(st.text("abc.:/*-"), st.text("abc.:/-"), st.text("abc.:/-"))
def test_a_star_stands_for_any_middle(middle: str, before: str, after: str) -> None:
    assert is_allowed(before + middle + after, [f"{before}*{after}"])


@given(st.text("abc.:/-", min_size=1), st.text("abc.:/-"))
def test_an_entry_without_a_star_is_matched_whole(origin: str, entry: str) -> None:
    assert is_allowed(origin, [entry]) is (origin == entry)


@given(st.text("ab.:1", min_size=1))
def test_a_server_is_its_own_origin_by_both_schemes(host: str) -> None:
    assert is_same_origin(f"http://{host}", host)
    assert is_same_origin(f"https://{host}", host)
    assert not is_same_origin(f"ftp://{host}", host)
    assert not is_same_origin(f"http://{host}/", host)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("asked", "is_told"),
    [("content-type", False), ("x-api-key", True), ("content-type, Anthropic-Version,x-api-key", True), ("", False)],
)
async def test_pages_may_send_anthropics_headers_where_they_ask_for_them(asked: str, *, is_told: bool) -> None:
    sent: list[Any] = []

    async def never(*_: Any) -> None:
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"origin", b"http://page"), (b"access-control-request-headers", asked.encode())]
    await Cors(never, allowed_origins=["*"])({"type": "http", "method": "OPTIONS", "headers": headers}, never, send)
    told = dict(sent[0]["headers"])[b"access-control-allow-headers"].decode().split(",")
    assert ("X-Api-Key" in told, "Anthropic-Version" in told) == (is_told, is_told)
    assert {"Authorization", "Content-Type"} <= set(told)
