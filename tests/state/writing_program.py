"""Keeps responses for ever in the database of the folder that it is given, and says after each that it did."""

import sys
from pathlib import Path

import anyio

from tampu.responses import KeptResponse
from tampu.state.database import opened_database
from tampu.state.responses import KeptResponses


async def main(folder: Path, name: str) -> None:
    async with opened_database(folder) as database:
        kept, previous = KeptResponses(database), ""
        for number in range(1_000_000):
            response = KeptResponse(id=f"{name}{number}", previous_id=previous, items=b"[]", document=b"{}" * 500)
            await kept.keep(response, 60.0)
            previous = response.id
            print(response.id, flush=True)  # the test reads it


anyio.run(main, Path(sys.argv[1]), sys.argv[2])
