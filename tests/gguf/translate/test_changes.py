"""What is told of a translation: keys, names, what is left out and what is made of what."""

from pathlib import Path

import pytest

from tampu.gguf.outline import head_of, told
from tampu.gguf.reader import read_header
from tampu.gguf.translate.changes import Changes, changes_of
from tampu.gguf.translate.plan import View
from tests.gguf.translate.spoiling import PUBLISHED, published_file
from tests.published import planned_views


def changes(path: Path, view: View) -> Changes:
    header = read_header(path)
    return changes_of(view, [header], head_of(path, header))


def of_text(name: str) -> Changes:
    path = published_file(name)
    text, _ = planned_views(path, read_header(path))
    assert text is not None
    return changes(path, text)


def test_names_that_change_are_told_in_pairs() -> None:
    found = of_text("gptoss")
    assert ("blk.0.attn_out.weight", "blk.0.attn_output.weight") in found.renamed
    assert found.left_out == found.made == ()
    assert found.cost == "header only"
    assert found.keys_changed[0] == "general.architecture"
    assert "gpt-oss.block_count" in found.keys_added
    assert found.keys_removed == []


def test_what_is_left_out_and_what_is_made_of_what_is_told() -> None:
    path = published_file("qwen35")
    text, projector = planned_views(path, read_header(path))
    assert text is not None
    assert projector is not None
    assert "v.patch_embed.weight" in changes(path, text).left_out
    made = dict(changes(path, projector).made)
    assert made["v.patch_embd.weight.1"] == ("v.patch_embed.weight",)
    assert changes(path, projector).cost == "tensors computed"
    joined = dict(changes(path, projector).made)
    assert joined["v.blk.0.attn_qkv.weight"] == tuple(f"v.blk.0.attn_{part}.weight" for part in "qkv")
    assert dict(of_text("glmocr").made)["blk.0.ffn_up.weight"] == ("blk.0.ffn_gate.weight", "blk.0.ffn_up.weight")


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_tensor_of_a_view_has_an_origin(name: str) -> None:
    path = published_file(name)
    header = read_header(path)
    stored = {tensor.name for tensor in header.tensors}
    for view in planned_views(path, header):
        if view is None:
            continue
        found = changes(path, view)
        after = {new for _, new in found.renamed} | {new for new, _ in found.made}
        for tensor in view.tensors:
            assert tensor.name in after | stored
        assert {old for old, _ in found.renamed} <= stored
        nothing = [new for new, old in found.made if not old]
        assert nothing in ([], ["v.token_embd.img_break"])
        assert all(told(fact).text for fact in found.after.values())
