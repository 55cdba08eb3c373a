"""The choices that flags and /set make."""

import pytest

from tampu.errors import BadRequest
from tampu.repl.chosen import Chosen, read_keep_alive, read_think


def test_think() -> None:
    assert [read_think(text) for text in (None, "", "true", "false", "max")] == [None, True, True, False, "max"]
    with pytest.raises(BadRequest, match='invalid value for --think: "extreme"'):
        read_think("extreme")


def test_keep_alive_is_sent_as_go_writes_it() -> None:
    assert [read_keep_alive(text) for text in (None, "90s", "-1s", "1h30m")] == ["", "1m30s", "-1s", "1h30m0s"]
    with pytest.raises(BadRequest, match='missing unit in duration "5"'):
        read_keep_alive("5")


def test_a_schema_goes_in_as_it_is() -> None:
    assert bytes(Chosen(format=' {"a": 1}').request(can_think=False)["format"]) == b' {"a": 1}'
    with pytest.raises(BadRequest, match="invalid character 'y' looking for beginning of value"):
        Chosen(format="yaml").request(can_think=False)
    assert Chosen().request(can_think=False) == {}


def test_a_model_that_can_think_does_unless_told_otherwise() -> None:
    assert Chosen().request(can_think=True) == Chosen().loading(can_think=True) == {"think": True}
    assert Chosen(think=False, keep_alive="1m").loading(can_think=True) == {"think": False, "keep_alive": "1m"}
    assert Chosen(think="low").loading(can_think=False) == {"think": "low"}
