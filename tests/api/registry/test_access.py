"""The key of the registry."""

import base64

import pytest

from tampu.api.registry.access import check_key
from tampu.errors import Unauthorized
from tampu.secret import Secret

KEY = Secret("opén:sesame")


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    "header",
    [basic("me:opén:sesame"), basic(":opén:sesame"), "bearer " + "opén:sesame".encode().decode("latin-1")],
)
def test_who_has_the_key_may_read(header: str) -> None:
    check_key(KEY, header)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer wrong", "Basic", "Basic !!!", "Basic é", basic("opén:sesame"), basic("me:"),
     basic("me"), "opén:sesame", "Digest opén:sesame", "Bearer opén:sesame "],
)  # fmt: skip
def test_nobody_else_may(header: str) -> None:
    with pytest.raises(Unauthorized, match="key"):
        check_key(KEY, header)


def test_without_a_key_all_may() -> None:
    check_key(None, "")


def test_the_key_does_not_print() -> None:
    assert "sesame" not in f"{KEY} {KEY!r} {[KEY]}"
    assert KEY == Secret("opén:sesame") != Secret("other")
    assert KEY.reveal() == "opén:sesame"
