from typing import Any

import pytest

from tampu.errors import BadRequest
from tampu.store.info import apply_info
from tampu.store.model import ModelConfig


def test_facts_replace_and_capabilities_are_appended() -> None:
    info = {
        "model_family": "fam",
        "parameter_size": "7B",
        "quantization_level": "Q1",
        "base_name": "b",
        "context_length": 1000.0,
        "embedding_length": 0,
        "capabilities": ["vision", 3],
        "unknown": 1,
    }
    config = apply_info(ModelConfig(capabilities=("completion",)), info)
    assert config == ModelConfig(
        model_family="fam",
        model_families=("fam",),
        model_type="7B",
        file_type="Q1",
        base_name="b",
        context_length=1000,
        capabilities=("completion", "vision", ""),
    )


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("model_family", 3, "a string"),
        ("base_name", True, "a string"),
        ("quantization_level", [], "a string"),
        ("parameter_size", None, "a string"),
        ("context_length", "x", "a number"),
        ("context_length", True, "a number"),
        ("embedding_length", None, "a number"),
        ("context_length", -1, "a non-negative integer"),
        ("embedding_length", 1.5, "a non-negative integer"),
        ("embedding_length", 1e400, "a non-negative integer"),
        ("embedding_length", 1e30, "a non-negative integer"),
        ("context_length", 2**63, "a non-negative integer"),
    ],
)
def test_values_of_a_wrong_kind(key: str, value: Any, rule: str) -> None:
    with pytest.raises(BadRequest, match=f'^info field "{key}" must be {rule}$'):
        apply_info(ModelConfig(), {key: value})


def test_capabilities_that_are_no_list_are_left_out() -> None:
    assert apply_info(ModelConfig(), {"capabilities": "vision"}) == ModelConfig()
