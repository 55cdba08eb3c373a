"""How a pull is asked for, beyond a name."""

import json
from typing import Any

import pytest

from tampu.api.dialect import Call
from tampu.api.native.transfer import PULL_CODEC
from tampu.api.native.upkeep import PARTIALS_CODEC
from tampu.errors import BadRequest
from tampu.upkeep import Unfinished


def rate_of(value: Any) -> int:
    return PULL_CODEC.decode(Call(json.dumps({"model": "m", "limit_rate": value}).encode())).limit_rate


@pytest.mark.parametrize(("value", "rate"), [("5M", 5 << 20), (2000, 2000), ("", None), (0, 0), (None, 0)])
def test_a_limit_is_a_number_or_a_text(value: Any, rate: int | None) -> None:
    if rate is None:
        with pytest.raises(BadRequest, match="invalid rate"):
            rate_of(value)
    else:
        assert rate_of(value) == rate


@pytest.mark.parametrize("value", [-1, "fast", 1.5, [], True])
def test_a_limit_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(BadRequest):
        rate_of(value)


def test_unfinished_downloads_are_written_as_listed() -> None:
    found = [Unfinished("me/a:v1", "sha256:aa", 10, 3, 0, is_running=True)]
    [written] = json.loads(PARTIALS_CODEC.encode(None, found).body)["partials"]
    assert written.pop("modified_at").startswith("19")
    assert written == {"model": "me/a:v1", "digest": "sha256:aa", "size": 10, "completed": 3, "running": True}
