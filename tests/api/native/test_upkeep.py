"""The routes of ours for the folder as a whole: bodies in, lines out."""

import json

import pytest

from tampu.api.dialect import Call
from tampu.api.native.blobs import ADOPT_BLOB_CODEC
from tampu.api.native.upkeep import PURGE_CODEC, VERIFY_CODEC
from tampu.errors import BadRequest, ModelNotFound
from tampu.management import AdoptRequest, PurgeRequest, VerifyRequest
from tampu.progress import Progress
from tampu.upkeep import Damage, Leftover, LeftoverKind, Purged, Verified

DIGEST = "sha256:" + "a" * 64
FOUND = Verified(3, 1000, (Damage(DIGEST, "is missing", ("m:latest",)),))
GONE = Purged((Leftover("sha256-a", LeftoverKind.BLOB, 5), Leftover("sha256-b", LeftoverKind.TEMPORARY, 6)))


def test_bodies_may_be_left_out() -> None:
    assert VERIFY_CODEC.decode(Call()) == VerifyRequest()
    assert PURGE_CODEC.decode(Call()) == PurgeRequest()
    assert VERIFY_CODEC.decode(Call(b'{"models": ["m"], "stream": false}')) == VerifyRequest(
        models=("m",), stream=False
    )
    assert PURGE_CODEC.decode(Call(b'{"DRY_RUN": true}')) == PurgeRequest(dry_run=True)


@pytest.mark.parametrize("body", [b'{"models": "m"}', b'{"models": [""]}', b'{"models": ["../x"]}', b"[]", b"{"])
def test_bodies_that_are_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        VERIFY_CODEC.decode(Call(body))


def test_a_dry_run_must_be_meant() -> None:
    with pytest.raises(BadRequest):
        PURGE_CODEC.decode(Call(b'{"dry_run": "yes"}'))


def test_adoption_takes_its_digest_from_the_path() -> None:
    call = Call(b'{"path": "/x.gguf"}', {"digest": DIGEST})
    assert ADOPT_BLOB_CODEC.decode(call) == AdoptRequest(DIGEST, "/x.gguf")
    with pytest.raises(BadRequest, match="invalid digest format"):
        ADOPT_BLOB_CODEC.decode(Call(b"{}", {"digest": "sha256:x"}))


def test_lines() -> None:
    verify, purge = VERIFY_CODEC.writer(VerifyRequest()), PURGE_CODEC.writer(PurgeRequest())
    step = verify.chunk(Progress("verifying", total_bytes=9, completed_bytes=3))
    assert json.loads(step) == {"status": "verifying", "total": 9, "completed": 3}
    assert json.loads(verify.chunk(FOUND)) == {
        "status": "success",
        "blobs": 3,
        "bytes": 1000,
        "damages": [{"digest": DIGEST, "problem": "is missing", "models": ["m:latest"]}],
    }
    assert json.loads(purge.chunk(GONE)) == {
        "status": "success",
        "bytes": 11,
        "files": [
            {"name": "sha256-a", "kind": "unused blob", "bytes": 5},
            {"name": "sha256-b", "kind": "temporary file", "bytes": 6},
        ],
    }
    assert verify.whole([Progress("verifying"), FOUND]).body == verify.chunk(FOUND).rstrip()


def test_errors() -> None:
    reply = VERIFY_CODEC.encode_error(ModelNotFound("m"))
    assert (reply.status, json.loads(reply.body)) == (404, {"error": "model 'm' not found"})
