"""What is told of downloads that were not finished."""

import os
from pathlib import Path

from tampu.registry.partial import PartialBlob
from tampu.registry.unfinished import find_unfinished
from tampu.store.layout import Layout

DIGEST, OTHER = (f"sha256:{letter * 64}" for letter in "ab")


def begin(layout: Layout, digest: str, model: str, completed: int) -> None:
    with PartialBlob.open(layout.blob(digest), 1000, model) as blob:
        if not blob.parts:
            blob.plan(1000)
        blob.absorb(0, b"x" * completed)


def test_nothing_is_unfinished_in_an_empty_folder(tmp_path: Path) -> None:
    assert find_unfinished(Layout(tmp_path)) == []


def test_the_youngest_is_told_first_with_its_model(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    begin(layout, DIGEST, "me/a:v1", 300)
    begin(layout, OTHER, "", 700)
    for path in layout.blobs.glob(f"{layout.blob(DIGEST).name}*"):
        os.utime(path, (1000, 1000))
    (layout.blobs / "sha256-nonsense-partial").write_bytes(b"x")
    found = find_unfinished(layout)
    assert [(each.model, each.digest, each.completed, each.size) for each in found] == [
        ("", OTHER, 700, 1000),
        ("me/a:v1", DIGEST, 300, 1000),
    ]
    assert found[1].modified_ns == 1000 * 10**9
    assert not any(each.is_running for each in found)


def test_a_running_one_is_told_as_such_and_keeps_its_first_name(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    begin(layout, DIGEST, "me/a:v1", 300)
    with PartialBlob.open(layout.blob(DIGEST), 1000, "you/b:v2") as blob:
        blob.absorb(300, b"y" * 10)
        found = find_unfinished(layout)
    assert [(each.model, each.completed, each.is_running) for each in found] == [("me/a:v1", 310, True)]


def test_one_whose_state_is_unreadable_has_no_size(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    begin(layout, DIGEST, "me/a:v1", 300)
    layout.blobs.joinpath(f"{layout.blob(DIGEST).name}-partial-0").write_bytes(b"{")
    assert [(each.size, each.completed) for each in find_unfinished(layout)] == [(0, 0)]
