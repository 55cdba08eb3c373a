"""A program that makes and deletes models for some seconds, beside others that do the same in the same folder.

usage: contending.py FOLDER WHO SECONDS. Models called after WHO are its own: whatever the others do, they must work.
Models called `shared` belong to all, so they may vanish at any moment, but never be found half there.
"""

import json
import random
import sys
import time
from pathlib import Path

import anyio

from tampu.errors import TampuError
from tampu.management import CopyRequest, DeleteRequest, PurgeRequest
from tampu.operations.catalog import copy_model, delete_model
from tampu.operations.purge import purge
from tests.operations.store_steps import StoreServices, digest_of, model_file, pieces, run_create, services_in
from tests.store.stored import name

FILE = "a-embed.gguf"
TEXTS = ("one", "two", "three")


class Contender:
    def __init__(self, services: StoreServices, who: str) -> None:
        self.services, self.who, self.chance = services, who, random.Random(who)  # noqa: S311  # the order of deletions is no secret
        self.lost: list[str] = []
        self.rounds = 0

    async def upload(self) -> None:
        from tampu.operations.blobs import receive_blob

        await receive_blob(self.services, digest_of(FILE), pieces(model_file(FILE)))

    async def round(self) -> None:
        """Own models, made of the same blobs as everybody else's."""
        text = self.chance.choice(TEXTS)
        await self.upload()
        await self.create(f"{self.who}/a", files={FILE: digest_of(FILE)}, system=text)
        await self.create(f"{self.who}/b", **{"from": f"{self.who}/a", "license": text})
        await copy_model(self.services, CopyRequest(f"{self.who}/b", f"{self.who}/c"))
        for model in ("a", "b", "c"):
            self.check(f"{self.who}/{model}", text)
        await self.quarrel(text)
        await self.clear_out()
        for model in self.chance.sample(("a", "b", "c"), 3):
            await delete_model(self.services, DeleteRequest(f"{self.who}/{model}"))
        self.rounds += 1

    async def create(self, model: str, **fields: object) -> None:
        outcome = await run_create(self.services, {"model": model, **fields})
        if "error" in outcome.body:
            self.lost.append(f"{model} was not made: {outcome.body['error']}")

    def check(self, model: str, text: str) -> None:
        stored = self.services.library.get(name(model))
        if stored.system != text or not stored.weights[0].exists():
            self.lost.append(f"{model} is not what was made")

    async def clear_out(self) -> None:
        """Remove what no model uses, while others are between an upload and their create."""
        try:
            _ = [event async for event in purge(self.services, PurgeRequest())]
        except TampuError as error:
            self.lost.append(f"purge: {error}")

    async def quarrel(self, text: str) -> None:
        """Shared models: not finding one is no loss, everything else is."""
        await run_create(self.services, {"model": "shared", "from": f"{self.who}/a", "license": text})
        for change in (
            copy_model(self.services, CopyRequest("shared", "shared2")),
            delete_model(self.services, DeleteRequest("shared")),
        ):
            try:
                await change
            except TampuError as error:
                if error.status != 404:
                    self.lost.append(f"shared: {error}")


async def main() -> None:
    folder, who, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    contender = Contender(services_in(folder), who)
    end = time.monotonic() + seconds
    while time.monotonic() < end and not contender.lost:
        await contender.round()
    print(json.dumps({"rounds": contender.rounds, "lost": contender.lost}))


if __name__ == "__main__":
    anyio.run(main)
