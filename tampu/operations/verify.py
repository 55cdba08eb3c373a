"""Hashing what is stored, to find what has been damaged on the disk."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from anyio import to_thread

from tampu.errors import ModelNotFound, StoreError
from tampu.management import VerifyRequest
from tampu.names import ModelName, ModelReference
from tampu.operations.services import Services
from tampu.progress import Progress
from tampu.store.hashing import hash_steps
from tampu.store.verification import Verification, judge, plan_verification
from tampu.upkeep import Damage, Verified


async def verify(services: Services, request: VerifyRequest) -> AsyncIterator[Progress | Verified]:
    """Tell how far it is, at last what was found. Changes nothing. Raises ModelNotFound, InvalidName, StoreError."""
    library = services.library
    names = [await to_thread.run_sync(_stored, services, text) for text in request.models]
    plan = await to_thread.run_sync(plan_verification, library, names)
    damages, done = list(plan.damages), 0
    yield Progress("verifying", total_bytes=plan.bytes)
    for digest, size in plan.sizes.items():
        got = ""
        try:
            async with aclosing(hash_steps(library.blobs.path(digest))) as steps:
                async for step in steps:
                    got = step.digest
                    yield Progress("verifying", total_bytes=plan.bytes, completed_bytes=done + step.done)
            damage = await to_thread.run_sync(judge, library, plan, digest, got)
        except (StoreError, OSError) as error:
            damage = await to_thread.run_sync(_unreadable, services, plan, digest, error)
        damages += [damage] if damage is not None else []
        done += size
    yield Verified(len(plan.sizes), plan.bytes, tuple(damages))


def _stored(services: Services, text: str) -> ModelName:
    name = services.library.resolve(ModelReference.parse(text).stored_name)
    if services.library.manifests.stamp(name) is None:
        raise ModelNotFound(text)
    return name


def _unreadable(services: Services, plan: Verification, digest: str, error: Exception) -> Damage | None:
    """A blob that cannot be read; one that was deleted meanwhile, together with its models, is no damage."""
    library = services.library
    if not library.blobs.path(digest).exists() and digest not in library.manifests.references():
        return None
    return plan.damage(digest, f"cannot be read: {error}")
