"""Which blobs a verification has to hash, and what is wrong with the folder already before a byte is read."""

import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from tampu.errors import BadRequest, ModelNotFound, StoreError
from tampu.names import ModelName
from tampu.store.clone import is_lent
from tampu.store.faults import store_faults
from tampu.store.layout import digest_of_file
from tampu.store.library import Library
from tampu.store.manifests import ReadManifest, layers_of
from tampu.store.scan import Scan
from tampu.upkeep import Damage

CHANGED: Final = "its bytes are not what its digest says"
CHANGED_OUTSIDE: Final = f"{CHANGED}; it is also a file outside the models folder, and was edited there"
MOVED_AWAY: Final = "is a link to a file outside the models folder that is not there any more"


@dataclass(slots=True)
class Verification:
    """What is to be done. `sizes`: digest -> bytes of each blob to hash; `users`: digest -> names of models."""

    sizes: dict[str, int] = field(default_factory=dict)
    users: dict[str, tuple[str, ...]] = field(default_factory=dict)
    damages: list[Damage] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """All that will be read."""
        return sum(self.sizes.values())

    def damage(self, digest: str, problem: str) -> Damage:
        """`problem` with a blob, and whom it hurts."""
        return Damage(digest, problem, self.users.get(digest, ()))


def plan_verification(library: Library, names: Collection[ModelName] = ()) -> Verification:
    """Look at manifests and sizes: of `names`, else of everything, unused blobs too. Raises ModelNotFound."""
    plan = Verification()
    with store_faults("looking through the models folder"), library.manifests.lock.held():
        expected = _look_at_manifests(library, names, plan)
        for digest, sizes in expected.items():
            _look_at_blob(library, digest, sizes, plan)
        if not names:
            _add_unused(library, expected, plan)
    return plan


def judge(library: Library, plan: Verification, digest: str, got: str) -> Damage | None:
    """What is wrong with a blob whose bytes have the digest `got`; None if nothing is."""
    if got == digest:
        return None
    return plan.damage(digest, CHANGED_OUTSIDE if is_lent(library.blobs.path(digest)) else CHANGED)


def _look_at_manifests(library: Library, names: Collection[ModelName], plan: Verification) -> dict[str, set[int]]:
    """The sizes that manifests say of each digest; notes who uses it and which manifests are damaged."""
    scan = library.manifests.scan()
    for name in names:
        if name not in scan.names:
            raise ModelNotFound(name.short)
    if not names:
        _look_aside(library, scan, plan)
    expected: dict[str, set[int]] = {}
    stored = [name for name in scan.names if not names or name in names]
    for name in stored:
        read = _read(library, name, plan)
        for layer in layers_of(read.manifest) if read else ():
            digest = layer.digest.replace("sha256-", "sha256:", 1)
            expected.setdefault(digest, set()).add(layer.size)
            users = plan.users.get(digest, ())
            plan.users[digest] = users if name.short in users else (*users, name.short)
    return expected


def _look_aside(library: Library, scan: Scan, plan: Verification) -> None:
    """Note what keeps a purge from knowing what is used; not the hidden files of file managers."""
    root = library.layout.root
    problems = [(each.path, each.problem) for each in scan.hidden]
    problems += [(path, "is no name of a model") for path in scan.invalid if not path.name.startswith(".")]
    plan.damages += [Damage("", f"{path.relative_to(root)} {problem}", ()) for path, problem in problems]


def _read(library: Library, name: ModelName, plan: Verification) -> ReadManifest | None:
    try:
        return library.manifests.read(name)
    except StoreError as error:
        plan.damages.append(Damage("", error.message, (name.short,)))
        return None


def _look_at_blob(library: Library, digest: str, sizes: Iterable[int], plan: Verification) -> None:
    """Note a blob to hash, or that it is missing or has a size that some manifest denies."""
    try:
        status = library.blobs.path(digest).stat()
    except BadRequest:
        plan.damages.append(plan.damage(digest, "is no digest"))
    except OSError:
        is_link = library.blobs.path(digest).is_symlink()
        plan.damages.append(plan.damage(digest, MOVED_AWAY if is_link else "is missing"))
    else:
        wrong = [size for size in sizes if size != status.st_size]
        if not stat.S_ISREG(status.st_mode):
            plan.damages.append(plan.damage(digest, "is no file"))
        elif wrong:
            plan.damages.append(plan.damage(digest, f"has {status.st_size} bytes instead of {wrong[0]}"))
        else:
            plan.sizes[digest] = status.st_size


def _add_unused(library: Library, used: Collection[str], plan: Verification) -> None:
    for digest in _stored_digests(library):
        if digest not in used:
            _look_at_blob(library, digest, (), plan)


def _stored_digests(library: Library) -> Iterator[str]:
    folder = library.layout.blobs
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        digest = digest_of_file(path.name)
        if digest is not None:
            yield digest
