"""The tables of list and ps."""

from tampu.client.answers import ListedModel, LoadedModel
from tampu.terminal.listings import loaded_table, models_table, processor
from tampu.units import parse_timestamp

NOW = parse_timestamp("2026-06-01T12:00:00Z") or 0.0
DIGEST = "0123456789abcdef" * 4


def test_models() -> None:
    models = [
        ListedModel(name="tiny:latest", size=1500, digest=DIGEST, modified_at="2026-06-01T11:59:30Z"),
        ListedModel(name="far:cloud", size=9, digest=DIGEST, modified_at="", remote_model="far"),
    ]
    assert models_table(models, now=NOW) == (
        "NAME           ID              SIZE      MODIFIED       \n"
        "tiny:latest    0123456789ab    1.5 KB    30 seconds ago    \n"
        "far:cloud      0123456789ab    -         Never             \n"
    )


def test_an_empty_list_has_a_header() -> None:
    assert models_table([], now=NOW) == "NAME    ID    SIZE    MODIFIED \n"


def test_short_or_missing_digests_do_no_harm() -> None:
    assert "x  " in models_table([ListedModel(name="x", digest="abc")], now=NOW)


def test_loaded() -> None:
    models = [
        LoadedModel(name="a", size=10, size_vram=6, digest=DIGEST, expires_at="2026-06-01T12:05:00Z", context_length=8),
        LoadedModel(name="b", size=10, digest=DIGEST, expires_at="2026-06-01T11:00:00Z"),
        LoadedModel(name="c", size=10, size_vram=10, digest=DIGEST, expires_at="2318-01-01T00:00:00Z"),
        LoadedModel(name="d", size=10, digest=DIGEST, expires_at="0001-01-01T00:00:00Z"),
    ]
    lines = loaded_table(models, now=NOW).splitlines()
    assert lines[1] == "a       0123456789ab    10 B    40%/60% CPU/GPU    8          5 minutes from now    "
    assert lines[2].rstrip().endswith("Stopping...")
    assert lines[3].rstrip().endswith("Forever")
    assert lines[4].rstrip().endswith("Stopping...")


def test_processors() -> None:
    assert [processor(0, 0), processor(5, 5), processor(5, 6), processor(3, 1)] == [
        "100% CPU",
        "100% GPU",
        "Unknown",
        "67%/33% CPU/GPU",
    ]
