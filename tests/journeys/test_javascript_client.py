"""The official JavaScript client, unmodified, where Node is installed and the package can be fetched."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.journeys.conftest import Served

FOLDER = Path(__file__).parents[2] / ".cache" / "javascript-client"
DEPENDENCIES = {"ollama": "^0.6.0", "zod": "^4.0.0"}

PROGRAM = """
import { Ollama } from "ollama"
import { z } from "zod"
import assert from "node:assert/strict"
const client = new Ollama({ host: process.argv[2] })
const messages = [{ role: "user", content: "Hi there" }]
const join = async (stream, pick) => { let text = ""; for await (const part of stream) text += pick(part); return text }

assert.equal((await client.chat({ model: "fine", messages })).message.content, "Fine, thank you.")
let parts = await client.chat({ model: "fine", messages, stream: true })
assert.equal(await join(parts, part => part.message.content), "Fine, thank you.")
assert.equal((await client.generate({ model: "fine", prompt: "Hi" })).response, "Fine, thank you.")
parts = await client.generate({ model: "greek", prompt: "Hi", stream: true })
assert.equal(await join(parts, part => part.response), "alpha beta gamma delta epsilon")
assert.equal((await client.embed({ model: "vectors", input: ["hello", "world"] })).embeddings.length, 2)
assert.ok((await client.list()).models.some(m => m.name === "fine:latest"))
assert.equal((await client.show({ model: "fine" })).details.format, "gguf")
assert.ok(Array.isArray((await client.ps()).models))
assert.equal((await client.create({ model: "made-in-js", from: "fine", system: "Be kind." })).status, "success")
let last
for await (const part of await client.create({ model: "made-in-js", from: "fine", stream: true })) last = part.status
assert.equal(last, "success")
await client.copy({ source: "made-in-js", destination: "copied-in-js" })
await client.delete({ model: "made-in-js" })
await client.delete({ model: "copied-in-js" })
await assert.rejects(client.chat({ model: "absent", messages }), { message: "model 'absent' not found" })
await assert.rejects(client.pull({ model: "no such name" }), { message: "invalid model name" })

// The documented examples: a loop of tools, structured output with Zod, thinking.
const getWeather = ({ city }) => `sunny in ${city}`
const tools = [{ type: "function", function: { name: "get_weather", description: "the weather of a city",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } } }]
const talk = [{ role: "user", content: "What is the weather in Paris?" }]
const asked = (await client.chat({ model: "jinja", messages: talk, tools })).message
talk.push(asked)
for (const call of asked.tool_calls)
  talk.push({ role: "tool", content: getWeather(call.function.arguments), tool_name: call.function.name })
assert.equal(talk.at(-1).content, "sunny in Paris")
assert.equal((await client.chat({ model: "jinja", messages: talk, tools })).message.content, "Hello from Jinja")
const Numbers = z.object({ a: z.array(z.number().int()) })
const format = z.toJSONSchema(Numbers)
parts = await client.chat({ model: "jinja", messages: [{ role: "user", content: "@5" }], format, stream: true })
assert.deepEqual(Numbers.parse(JSON.parse(await join(parts, part => part.message.content))), { a: [1, 2] })
parts = await client.chat({ model: "jinja", messages, think: true, stream: true })
assert.equal((await join(parts, part => part.message.thinking ?? "")).trim(), "who is there")
console.log("all agreed")
"""


@pytest.fixture(scope="session")
def client_folder() -> Path:
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        pytest.skip("Node is not installed, so its client cannot be run")
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "package.json").write_text(json.dumps({"type": "module", "dependencies": DEPENDENCIES}))
    if not all((FOLDER / "node_modules" / name).is_dir() for name in DEPENDENCIES):
        fetched = subprocess.run(
            [npm, "install", "--no-audit", "--no-fund"], cwd=FOLDER, capture_output=True, text=True, timeout=300
        )
        if fetched.returncode:
            pytest.skip(f"the client could not be fetched: {fetched.stderr.strip()[-200:]}")
    return FOLDER


@pytest.mark.network
def test_the_official_client(served: Served, client_folder: Path) -> None:
    program = client_folder / "journey.mjs"
    program.write_text(PROGRAM)
    run = subprocess.run(["node", str(program), served.url], capture_output=True, text=True, timeout=120)
    assert (run.stdout, run.stderr) == ("all agreed\n", "")
