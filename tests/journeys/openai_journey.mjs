// The official `openai` library for JavaScript.  usage: node openai_journey.mjs BASE_URL; prints "all agreed".
import OpenAI from 'openai'
import { zodResponseFormat } from 'openai/helpers/zod'
import { z } from 'zod'
import assert from 'node:assert/strict'

const client = new OpenAI({ baseURL: process.argv[2] + '/v1', apiKey: 'unused', maxRetries: 0 })
const HELLO = 'Hello from the script. 你好，世界! Done…'
const hi = [{ role: 'user', content: 'hi' }]
const chat = client.chat.completions

const whole = await chat.create({ model: 'v-hello', messages: hi })
assert.equal(whole.choices[0].message.content, HELLO)
assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens)
let text = ''
let usage
for await (const chunk of await chat.create({ model: 'v-hello', messages: hi, stream: true, stream_options: { include_usage: true } })) {
  text += chunk.choices[0]?.delta.content ?? ''
  usage = chunk.usage ?? usage
}
assert.equal(text, HELLO)
assert.ok(usage.completion_tokens > 0)

const helped = chat.stream({ model: 'v-hello', messages: hi })
let deltas = ''
helped.on('content', delta => { deltas += delta })
assert.equal((await helped.finalChatCompletion()).choices[0].message.content, HELLO)
assert.equal(deltas, HELLO)

const Person = z.object({ name: z.string(), age: z.number().int() })
const response_format = zodResponseFormat(Person, 'person')
const parsed = await chat.parse({ model: 'v-json', messages: hi, response_format })
assert.deepEqual(parsed.choices[0].message.parsed, { name: 'Ann', age: 7 })
const streamed = await chat.stream({ model: 'v-json', messages: hi, response_format }).finalChatCompletion()
assert.deepEqual(streamed.choices[0].message.parsed, { name: 'Ann', age: 7 })

const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}
const messages = [{ role: 'user', content: 'weather?' }]
for (const turn of ['call', 'answer', 'more']) {
  const { message } = (await chat.create({ model: 'v-tool', messages, tools: [weather] })).choices[0]
  messages.push(message)
  if (turn === 'call') {
    assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { city: 'Paris' })
    messages.push({ role: 'tool', tool_call_id: message.tool_calls[0].id, content: '21 C' })
  } else {
    assert.equal(message.content, HELLO)
    messages.push({ role: 'user', content: 'and tomorrow?' })
  }
}
let asked = 0
const runner = chat.runTools({
  model: 'v-tool',
  messages: [{ role: 'user', content: 'weather?' }],
  tools: [{ ...weather, function: { ...weather.function, parse: JSON.parse, function: ({ city }) => { asked += 1; return `21 C in ${city}` } } }],
})
assert.equal(await runner.finalContent(), HELLO)
assert.equal(asked, 1)

const vectors = await client.embeddings.create({ model: 'v-embed', input: ['hello world', 'sun'] })
assert.deepEqual(vectors.data.map(each => each.embedding.length), [32, 32])
assert.ok((await client.models.list()).data.some(model => model.id === 'v-hello:latest'))
await assert.rejects(chat.create({ model: 'v-nothing', messages: hi, stream: true }), OpenAI.NotFoundError)
await assert.rejects(chat.create({ model: 'v-hello', messages: [] }), OpenAI.BadRequestError)
console.log('all agreed')
