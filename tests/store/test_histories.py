"""Any history of changes, damages and repairs: what was stored and not damaged is whole, and nothing else stays."""

import shutil
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tampu.errors import StoreError
from tampu.store.gc import open_folder, prune
from tampu.store.purge import find_unused, remove_unused
from tests.store.stored import blob_files, library_in, manifest_of, name, put

NAMES = st.sampled_from(["a", "b", "ns/a:1", "h.test/x/B:t"])
KINDS = st.sampled_from(["model", "system", "license", "template"])
CONTENTS = st.dictionaries(KINDS, st.sampled_from([b"one", b"two", b"three"]), min_size=1, max_size=3)
DAMAGES = st.sampled_from([b"", b"{", b"[]", b"\x00" * 40])
MUCH_LATER = 10 * 365 * 86400.0


class Histories(RuleBasedStateMachine):
    """`stored`: what each name should stand for. `damaged`: manifests that were spoilt, with their former bytes."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tampu-histories-"))
        self.library = library_in(self.folder)
        open_folder(self.library, prune_leftovers=False)
        self.stored: dict[str, dict[str, bytes]] = {}
        self.damaged: dict[str, bytes] = {}

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    def forget(self, model: str) -> None:
        self.stored.pop(model, None)
        self.damaged.pop(model, None)

    @rule(model=NAMES, texts=CONTENTS)
    def create(self, model: str, texts: dict[str, bytes]) -> None:
        put(self.library, model, texts)
        self.forget(model)
        self.stored[model] = texts

    @rule(texts=CONTENTS)
    def begin_and_give_up(self, texts: dict[str, bytes]) -> None:
        manifest_of(self.library, texts)

    @precondition(lambda self: self.stored)
    @rule(data=st.data(), other=NAMES)
    def copy(self, data: st.DataObject, other: str) -> None:
        source = data.draw(st.sampled_from(sorted(self.stored)))
        self.library.copy(name(source), name(other))
        if source != other:
            texts = self.stored[source]
            self.forget(other)
            self.stored[other] = texts

    @precondition(lambda self: self.stored or self.damaged)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        model = data.draw(st.sampled_from(sorted({*self.stored, *self.damaged})))
        self.library.delete(name(model))
        self.forget(model)

    @precondition(lambda self: self.stored)
    @rule(data=st.data(), content=DAMAGES)
    def damage(self, data: st.DataObject, content: bytes) -> None:
        model = data.draw(st.sampled_from(sorted(self.stored)))
        path = self.library.layout.manifest(name(model))
        former = path.read_bytes()
        path.write_bytes(content)
        self.damaged[model] = former
        del self.stored[model]

    @precondition(lambda self: self.damaged)
    @rule(data=st.data())
    def bring_back(self, data: st.DataObject) -> None:
        """From a backup of the manifests: their blobs must all be there still."""
        model = data.draw(st.sampled_from(sorted(self.damaged)))
        self.library.layout.manifest(name(model)).write_bytes(self.damaged.pop(model))
        found = library_in(self.folder).get(name(model))
        assert all(path.is_file() for path in found.weights)
        self.library.delete(name(model))

    @rule()
    def start_again(self) -> None:
        self.library = library_in(self.folder)
        prune(self.library, now=time.time() + MUCH_LATER)

    @rule()
    def purge(self) -> None:
        try:
            remove_unused(self.library, find_unused(self.library))
        except StoreError:
            assert self.damaged
            return
        assert not self.damaged
        used = {layer.digest for model in self.stored for layer in self.layers(model)}
        assert blob_files(self.library) == {digest.replace(":", "-") for digest in used}

    def layers(self, model: str) -> list[object]:
        manifest = self.library.read_manifest(name(model)).manifest
        return [*manifest.layers, manifest.config]

    @invariant()
    def everything_is_there(self) -> None:
        if not hasattr(self, "stored"):
            return
        assert {str(each) for each in self.library.names()} == {str(name(m)) for m in (*self.stored, *self.damaged)}
        for model, texts in self.stored.items():
            found = self.library.read_manifest(name(model)).manifest
            assert {layer.kind: self.library.blobs.read(layer.digest, limit=99) for layer in found.layers} == texts


Histories.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestHistories = Histories.TestCase
