"""Manifests as they go out."""

import pytest

from tampu.api.registry.content import MANIFEST_CODEC, ContentCall
from tampu.sharing import Lookup, SharedManifest

DIGEST = "sha256:" + "0" * 64
USUAL = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"


@pytest.mark.parametrize(
    ("claimed", "told"),
    [
        (OCI, OCI),
        ("", USUAL),
        ("text/html\r\nset-cookie: a=b", USUAL),
        ("text/html\n", USUAL),
        ("a" * 500 + "/b", USUAL),
        ("ä/b", USUAL),
    ],
)
def test_a_manifest_may_claim_a_type_and_nothing_else(claimed: str, told: str) -> None:
    reply = MANIFEST_CODEC.encode(ContentCall(Lookup("x", "latest")), SharedManifest(b"{}", DIGEST, claimed))
    assert reply.content_type == told
