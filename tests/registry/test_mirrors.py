"""Which places are asked for a name, in which order."""

import pytest

from tampu.names import ModelName
from tampu.registry.endpoint import Endpoint
from tampu.registry.mirrors import REST_S, Mirrors

NAME = ModelName.parse("me/big:v1")
SETTING = {"registry.ollama.ai": ("http://10.0.0.5:11434", "https://mirror.example/proxied/")}


def bases(found: list[Endpoint]) -> list[str]:
    return [endpoint.authority for endpoint in found]


def test_without_mirrors_there_is_the_registry_alone() -> None:
    assert Mirrors({}).endpoints(NAME, insecure=False) == [Endpoint.of(NAME, insecure=False)]


def test_mirrors_come_first_and_in_order() -> None:
    found = Mirrors(SETTING).endpoints(NAME, insecure=False)
    assert bases(found) == ["10.0.0.5:11434", "mirror.example", "registry.ollama.ai"]
    assert [str(each.url("manifests/v1")) for each in found[:2]] == [
        "http://10.0.0.5:11434/v2/me/big/manifests/v1",
        "https://mirror.example/v2/proxied/me/big/manifests/v1",
    ]
    assert [each.is_insecure for each in found] == [True, False, False]


def test_mirrors_are_of_one_host_in_any_case() -> None:
    assert len(Mirrors(SETTING).endpoints(ModelName.parse("hf.co/me/big"), insecure=False)) == 1
    assert len(Mirrors(SETTING).endpoints(ModelName.parse("Registry.Ollama.AI/me/big"), insecure=False)) == 3


def test_one_that_failed_is_asked_last_for_a_while() -> None:
    now = 0.0
    mirrors = Mirrors(SETTING, clock=lambda: now)
    first = mirrors.endpoints(NAME, insecure=False)[0]
    mirrors.failed(first)
    other = ModelName.parse("other/model")
    assert bases(mirrors.endpoints(other, insecure=False)) == ["mirror.example", "registry.ollama.ai", "10.0.0.5:11434"]
    now = REST_S + 1
    assert mirrors.endpoints(NAME, insecure=False)[0] == first


def test_one_that_answers_is_well_again() -> None:
    mirrors = Mirrors(SETTING, clock=lambda: 0.0)
    first, *_ = mirrors.endpoints(NAME, insecure=False)
    mirrors.failed(first)
    mirrors.answered(first)
    assert mirrors.endpoints(NAME, insecure=False)[0] == first


@pytest.mark.parametrize("rounds", [1, 3])
def test_when_all_failed_the_order_is_the_first_again(rounds: int) -> None:
    mirrors = Mirrors(SETTING, clock=lambda: 0.0)
    expected = mirrors.endpoints(NAME, insecure=False)
    for endpoint in expected * rounds:
        mirrors.failed(endpoint)
    assert mirrors.endpoints(NAME, insecure=False) == expected
