"""A process that starts an engine, tells its pid, and waits to be killed."""

import sys
from pathlib import Path

import anyio

from tampu.config import Settings
from tampu.engine.process import start_engine
from tampu.engine.spec import EngineSpec, Placement


async def main() -> None:
    spec = EngineSpec(model_path=Path(sys.argv[1]))
    settings = Settings(llama_server=sys.argv[2] if len(sys.argv) > 2 else "")
    child = await start_engine(spec, Placement(num_ctx=64, threads=1), settings=settings)
    print(child.pid, flush=True)
    await anyio.sleep_forever()


anyio.run(main)
