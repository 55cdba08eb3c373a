"""The recorded conversations between Ollama and a registry: the same questions, the same outcome."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tampu.errors import BadRequest, RegistryError
from tampu.registry.identity import Identity
from tests.fakes.pulling import open_services
from tests.fakes.recorded_registry import RecordedRegistry
from tests.recordings import recording

pytestmark = pytest.mark.anyio

OTHERWISE = {
    "plain registry without redirect": "Plain Docker and OCI registries work",
    "redirect to another port of the same host name": "Plain Docker and OCI registries work",
    # The manifest says how long the blob is.
    "HEAD without a length": "Plain Docker and OCI registries work",
    "part with wrong Content-Range": "Downloads resume",
    "truncated, then 200 for the range": "Downloads resume",
}
"""What ends well here, with the line of docs/differences.md."""
OWN_WORDS = {"401 Basic challenge": "pull model manifest: the registry "}
PASSWORDS = "Registries with passwords work"
CASES: list[dict[str, Any]] = [
    case
    for case in recording("registry/wire-pull.json")["cases"]
    if case["name"] not in {"pull again", "dead registry", "wrong type"}
]


@pytest.mark.recorded("registry/wire-pull")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
async def test_the_recorded_conversation(
    case: dict[str, Any], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    if case["name"] in OTHERWISE or case["name"] in OWN_WORDS:
        record_property("explained", [OTHERWISE.get(case["name"], PASSWORDS)])
    Identity.load_or_create(tmp_path)
    async with RecordedRegistry(case, CASES[0]) as registry, open_services(tmp_path) as services:
        request, last = registry.case["request"], registry.case["events"][-1]
        try:
            events = await services.pull(request["model"], insecure=request.get("insecure", False))
            outcome = events[-1].status
        except (RegistryError, BadRequest) as error:
            outcome = error.message
        if case["name"] in OTHERWISE:
            assert outcome == "success"
        elif case["name"] in OWN_WORDS:
            assert outcome.startswith(OWN_WORDS[case["name"]])
        else:
            assert outcome == last.get("error", "success")
            assert sorted(registry.requests) == sorted(registry.recorded_requests)
            assert [each[2] for each in registry.requests] == [each[2] for each in registry.recorded_requests]


@pytest.mark.recorded("registry/signing")
def test_the_recorded_signature(tmp_path: Path) -> None:
    recorded = recording("registry/signing.json")
    identity = Identity(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(recorded["key_seed_hex"])))
    assert f"{identity.public_line}\n" == recorded["public_key_line"]
    assert identity.sign_token_request(recorded["url"]) == recorded["headers"]["Authorization"]
