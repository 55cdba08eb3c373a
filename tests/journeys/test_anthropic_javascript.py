"""Anthropic's JavaScript package and Vercel's AI SDK, unmodified, where Node is installed and they can be fetched."""

import subprocess

import pytest

from tests.journeys.conftest import Served
from tests.journeys.dialects import make_models
from tests.journeys.packages import node_folder

PACKAGES = ("@anthropic-ai/sdk@1", "ai@6", "@ai-sdk/anthropic@3", "zod@4")

PROGRAM = """
import Anthropic from "@anthropic-ai/sdk"
import { createAnthropic } from "@ai-sdk/anthropic"
import { generateText, streamText, tool, stepCountIs } from "ai"
import { z } from "zod"
import assert from "node:assert/strict"
const base = process.argv[2]
const HELLO = "Hello from the script. 你好，世界! Done…"
const messages = [{ role: "user", content: "hi" }]
const weather = { name: "get_weather", description: "Weather",
  input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } }
const client = new Anthropic({ baseURL: base, apiKey: "unused", maxRetries: 0 })
const ask = (model, more = {}) => client.messages.create({ model, max_tokens: 200, messages, ...more })

const whole = await ask("v-hello")
assert.equal(whole.content[0].text, HELLO)
const stream = client.messages.stream({ model: "v-hello", max_tokens: 200, messages })
let text = ""; stream.on("text", piece => { text += piece })
assert.equal((await stream.finalMessage()).usage.input_tokens, whole.usage.input_tokens)
assert.equal(text, HELLO)
assert.equal((await client.messages.countTokens({ model: "v-hello", messages })).input_tokens, whole.usage.input_tokens)
const talk = [...messages]
for (const turn of [1, 2, 3]) {
  const said = await ask("v-tool", { messages: talk, tools: [weather] })
  talk.push({ role: "assistant", content: said.content })
  const calls = said.content.filter(block => block.type === "tool_use")
  assert.equal(calls.length, turn === 1 ? 1 : 0)
  const results = calls.map(call => ({ type: "tool_result", tool_use_id: call.id, content: "21 C" }))
  talk.push({ role: "user", content: results.length ? results : "more" })
}
const stopped = await ask("v-stop", { stop_sequences: ["STOP"] })
assert.deepEqual([stopped.stop_reason, stopped.stop_sequence], ["stop_sequence", "STOP"])
const thinking = { type: "enabled", budget_tokens: 1024 }
const thoughts = await client.messages.stream({ model: "v-think", max_tokens: 2000, messages, thinking }).finalMessage()
assert.deepEqual(thoughts.content.map(block => block.type), ["thinking", "text"])
assert.ok(thoughts.content[0].signature)
await assert.rejects(ask("v-nothing"), error => error instanceof Anthropic.NotFoundError)
const ids = []; for await (const model of client.models.list({ limit: 3 })) ids.push(model.id)
assert.ok(ids.includes("v-hello:latest"))

// The AI SDK reads every answer with a schema of its own, and counts with the first event of a stream.
const provider = createAnthropic({ baseURL: base + "/v1", apiKey: "unused" })
const said = await generateText({ model: provider("v-think"), prompt: "hi", maxOutputTokens: 200 })
assert.equal(said.text.trim(), "Hi there, friend!!")
assert.equal(said.reasoningText.trim(), "I should greet them;")
const flow = streamText({ model: provider("v-hello"), prompt: "hi", maxOutputTokens: 200 })
let flown = ""; for await (const piece of flow.textStream) flown += piece
assert.equal(flown, HELLO)
assert.equal((await flow.usage).inputTokens, whole.usage.input_tokens)
const getWeather = tool({ description: "Weather", inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}` })
const looped = await generateText({ model: provider("v-tool"), prompt: "hi", maxOutputTokens: 200,
  stopWhen: stepCountIs(3), tools: { get_weather: getWeather } })
assert.equal(looped.text, HELLO)
assert.equal(looped.steps.length, 2)
const pet = { type: "object", properties: { kind: { enum: ["cat", "dog"] } }, required: ["kind"],
  additionalProperties: false }
const chosen = await ask("v-json", { output_config: { format: { type: "json_schema", schema: pet } } })
assert.ok(["cat", "dog"].includes(JSON.parse(chosen.content[0].text).kind))
console.log("all agreed")
"""


@pytest.mark.network
def test_the_javascript_libraries(served: Served) -> None:
    make_models(served, "v-hello", "v-tool", "v-stop", "v-think", "v-json")
    folder = node_folder(PACKAGES)
    (folder / "anthropic.mjs").write_text(PROGRAM)
    told = subprocess.run(
        ["node", "anthropic.mjs", served.url], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert told.stdout.strip().endswith("all agreed"), told.stderr
