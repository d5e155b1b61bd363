import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { type Behaviour, type ChatServer, chatServer, completion, serve } from '../../test/chat-server.ts'
import { type HoneError, platform, setPlatform } from '../base/index.ts'
import { readEvents } from '../runs/events.ts'
import { type ChatOptions, type ChatRequest, openChat, settleAll } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'hone-chat-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0
const place = (name: string) => join(folder, `${name}-${count++}`)

const fast = { backoffMs: 1, timeoutMs: 20_000, retries: 3 }
const request = (content: string, more: Partial<ChatRequest> = {}): ChatRequest => ({
  messages: [{ role: 'user', content }],
  ...more,
})

async function withServer<T>(
  plan: Parameters<typeof chatServer>[0],
  work: (server: ChatServer, open: (more?: Partial<ChatOptions>) => ReturnType<typeof openChat>) => Promise<T>,
): Promise<T> {
  await using server = await chatServer(plan)
  return await work(server, (more) => openChat({ endpoint: server.url, model: 'm', ...fast, ...more }))
}
const failure = (promise: Promise<unknown>): Promise<HoneError> =>
  promise.then(
    () => Promise.reject(new Error('no error')),
    (error) => error,
  )
const filesIn = (path: string): string[] =>
  readdirSync(path).flatMap((name) => {
    const inner = join(path, name)
    return statSync(inner).isDirectory() ? filesIn(inner) : [inner]
  })

describe('what passes is tried again', () => {
  const cases: Record<string, Behaviour> = {
    '429': serve.status(429),
    '429 with Retry-After in seconds': serve.status(429, { 'retry-after': '0.03' }),
    '500': serve.status(500),
    'an error of a gateway under a status of 200': serve.raw('{"error": {"code": 502, "message": "upstream"}}'),
    '503 in HTML': serve.status(503, {}, '<html>busy</html>'),
    'a connection that is reset': serve.reset(),
    'a body cut in its middle': serve.cut(),
    'half a document': serve.half(),
    'HTML in the place of JSON': serve.raw('<!doctype html><p>Welcome'),
    'an empty body': serve.raw(''),
  }
  test.each(Object.entries(cases))('%s, then an answer', async (_, behaviour) => {
    await withServer([behaviour, behaviour, serve.text('fine')], async (server, open) => {
      const answer = await (await open()).ask(request('hi'))
      expect(answer).toMatchObject({ text: 'fine', retries: 2, isCached: false, finish: 'stop' })
      expect(server.requests).toHaveLength(3)
      expect(server.requests[2].body).toEqual(server.requests[0].body)
    })
  })

  test.each([
    ['silence', serve.hang()],
    ['silence within the body', serve.hangInBody()],
    ['a drip that takes longer than the time there is', serve.drip('fine', 20)],
  ])('%s is cut at the time limit', async (_, behaviour) => {
    await withServer([behaviour, serve.text('fine')], async (_, open) => {
      const client = await open({ timeoutMs: 120 })
      expect(await client.ask(request('hi'))).toMatchObject({ text: 'fine', retries: expect.toSatisfy((n) => n > 0) })
    })
    await withServer([behaviour], async (server, open) => {
      const error = await failure((await open({ timeoutMs: 60, retries: 1 })).ask(request('hi')))
      expect([error.code, server.requests.length]).toEqual(['E_NETWORK', 2])
      expect(error.message).toMatch(/no answer in 2 tries: no whole answer within 0.06 s/)
    })
  })

  test('an endpoint that is not there', async () => {
    const { url } = await withServer([], async (server) => server)
    const client = await openChat({ endpoint: url, model: 'm', ...fast })
    expect(await failure(client.ask(request('hi')))).toMatchObject({ code: 'E_NETWORK' })
  })

  test('Retry-After holds every request, and one beyond the longest pause is not waited for', async () => {
    const times: number[] = []
    const plan = (_: unknown, index: number) => {
      times.push(performance.now())
      return index === 0 ? serve.status(429, { 'retry-after': '0.15' }) : serve.text('fine')
    }
    await withServer(plan, async (_, open) => {
      const client = await open({ concurrency: 1 })
      await Promise.all([client.ask(request('a')), client.ask(request('b'))])
      expect(times[1] - times[0]).toBeGreaterThan(140)
    })
    await withServer([serve.status(429, { 'retry-after': '3600' })], async (server, open) => {
      const error = await failure((await open()).ask(request('a')))
      expect([error.code, server.requests.length]).toEqual(['E_RATE_LIMIT', 1])
      expect(error.message).toContain('asks to wait 3600 s')
    })
    const date = new Date(Date.now() + 7_200_000).toUTCString()
    await withServer([serve.status(503, { 'retry-after': date })], async (_, open) => {
      expect((await failure((await open()).ask(request('a')))).message).toMatch(/asks to wait 7\d\d\d s/)
    })
  })
})

describe('what does not pass is refused at once', () => {
  test.each([
    ['400', serve.status(400, {}, { error: { message: 'too long' } }), 'E_CHAT_REFUSED', /answered 400: too long/],
    ['404', serve.status(404, {}, { detail: 'no model m' }), 'E_CHAT_REFUSED', /404: no model m/],
    ['401', serve.status(401), 'E_CHAT_ACCESS', /401/],
    [
      'no credit',
      serve.status(429, {}, { error: { code: 'insufficient_quota', message: 'pay' } }),
      'E_CHAT_ACCESS',
      /pay/,
    ],
    ['a redirect', serve.status(307, { location: 'http://127.0.0.1:1/' }), 'E_CHAT_REFUSED', /307/],
    ['JSON of another shape', serve.raw('{"choices": []}'), 'E_CHAT_ANSWER', /\{"choices":\[\]\}/],
    [
      'an error under a status of 200',
      serve.raw('{"error": {"message": "no such model"}}'),
      'E_CHAT_REFUSED',
      /no such model/,
    ],
    ['a list', serve.raw('[1]'), 'E_CHAT_ANSWER', /answered \[1\]/],
    ['content that is no text', serve.raw(JSON.stringify(completion(7 as never))), 'E_CHAT_ANSWER', /content/],
  ] as const)('%s', async (_, behaviour, code, message) => {
    await withServer([behaviour], async (server, open) => {
      const error = await failure((await open()).ask(request('hi')))
      expect([error.code, server.requests.length]).toEqual([code, 1])
      expect(error.message).toMatch(message)
    })
  })

  test('50 MB are not read to their end', async () => {
    let sent = 0
    const plan = () => (response: Parameters<Behaviour>[0], seen: Parameters<Behaviour>[1]) => {
      serve.huge(50 << 20)(response, seen)
      const { socket } = response
      response.on('close', () => (sent = socket?.bytesWritten ?? 0))
    }
    await withServer(plan, async (server, open) => {
      const error = await failure((await open({ timeoutMs: 10_000 })).ask(request('hi')))
      expect([error.code, server.requests.length]).toEqual(['E_TOO_LARGE', 1])
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(sent).toBeLessThan(40 << 20)
    })
  })

  test('an address with a password, one that is none, and keys that are not set', async () => {
    const open = (more: Partial<ChatOptions>) => failure(openChat({ endpoint: 'http://h/v1', model: 'm', ...more }))
    const error = await open({ endpoint: 'http://me:hunter2secret@h/v1' })
    expect([error.code, error.message.includes('hunter2')]).toEqual(['E_CONFIG', false])
    expect(await open({ endpoint: 'file:///etc' })).toMatchObject({ code: 'E_CONFIG' })
    expect((await open({ apiKeyEnv: 'HONE_TEST_NO_KEY' })).message).toContain('HONE_TEST_NO_KEY')
    expect(await open({ apiKey: 'two words' })).toMatchObject({ code: 'E_CONFIG' })
    expect((await open({ modle: 'x' } as never)).message).toContain('did you mean model?')
  })
})

describe('the cache', () => {
  test('the same request costs one HTTP call: one after another, at once, and in a later process', async () => {
    const cache = place('cache')
    await withServer([serve.text(({ body }) => body.messages[0].content.toUpperCase())], async (server, open) => {
      const client = await open({ cache })
      const [a, b] = await Promise.all([client.ask(request('x')), client.ask(request('x'))])
      expect([a.isCached, b.isCached, b.text]).toEqual([false, true, 'X'])
      expect(await client.ask(request('x'))).toMatchObject({ text: 'X', isCached: true, hash: a.hash, usage: a.usage })
      expect(await (await open({ cache })).ask(request('x'))).toMatchObject({ text: 'X', isCached: true })
      expect(server.requests).toHaveLength(1)
      expect(client.spent).toEqual({ requests: 1, promptTokens: 10, completionTokens: 5, cached: 2 })
      const apart = [{ temperature: 1 }, { sample: 1 }, { seed: 3 }, { maxTokens: 9 }, { stop: ['x'] }, { topP: 0.5 }]
      for (const more of apart) expect((await client.ask(request('x', more))).isCached).toBe(false)
      expect((await (await open({ cache, model: 'n' })).ask(request('x'))).isCached).toBe(false)
      await client.forget(request('x'))
      expect((await client.ask(request('x'))).isCached).toBe(false)
    })
  })

  test('any requests: as many calls as there are different ones', async () => {
    await withServer([serve.text('a')], async (server, open) => {
      const client = await open({ concurrency: 16 })
      await fc.assert(
        fc.asyncProperty(fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 12 }), async (contents) => {
          const round = String(server.requests.length)
          const before = server.requests.length
          await Promise.all(contents.map((content) => client.ask(request(`${content} ${round}`))))
          expect(server.requests.length - before).toBe(new Set(contents).size)
        }),
        { numRuns: 30 },
      )
    })
  })

  test('a damaged file is asked for again, failures are not kept, and null keeps nothing', async () => {
    const cache = place('cache')
    await withServer([serve.status(400), serve.text('one')], async (server, open) => {
      const client = await open({ cache })
      await failure(client.ask(request('x')))
      await client.ask(request('x'))
      const [file] = filesIn(cache)
      for (const content of [
        '',
        '{',
        '{"format": 2}',
        readFileSync(file, 'utf8').replace(/"hash":"..../, '"hash":"0000'),
      ]) {
        writeFileSync(file, content)
        expect(await client.ask(request('x'))).toMatchObject({ text: 'one', isCached: false })
      }
      expect(server.requests).toHaveLength(6)
      const without = await open({ cache: null })
      await without.ask(request('x'))
      expect((await without.ask(request('x'))).isCached).toBe(false)
    })
  })
})

describe('the budget', () => {
  test.each([1, 4])(
    'of requests is kept to exactly, %d at once, and what was answered is kept',
    async (concurrency) => {
      await withServer([serve.text('a')], async (server, open) => {
        const client = await open({ budget: { requests: 7 }, concurrency })
        const results = await settleAll(
          Array.from({ length: 20 }, (_, i) => request(`q${i}`)),
          (one) => client.ask(one),
          { concurrency },
        )
        expect(server.requests).toHaveLength(7)
        expect(results.filter((one) => 'text' in one)).toHaveLength(7)
        expect(results.filter((one) => 'code' in one && one.code === 'E_BUDGET')).toHaveLength(13)
        expect((await client.ask(request('q0'))).isCached).toBe(true)
        expect((await failure(client.ask(request('new')))).message).toContain('the budget of 7 requests is spent')
        expect(server.requests).toHaveLength(7)
      })
    },
  )

  test('repetitions count', async () => {
    await withServer([serve.status(500)], async (server, open) => {
      const error = await failure((await open({ budget: { requests: 2 } })).ask(request('a')))
      expect([error.code, server.requests.length]).toEqual(['E_BUDGET', 2])
    })
  })

  test('of tokens: at most one answer goes over it, however many are under way', async () => {
    for (const concurrency of [1, 8]) {
      await withServer([serve.text('a')], async (server, open) => {
        const client = await open({ budget: { tokens: 61 }, concurrency })
        const requests = Array.from({ length: 30 }, (_, i) =>
          request(`a question of thirty bytes: ${i}`, { maxTokens: 5 }),
        )
        const results = await settleAll(requests, (one) => client.ask(one), { concurrency })
        expect(results.filter((one) => 'text' in one)).toHaveLength(5)
        expect(server.requests).toHaveLength(5)
        expect(client.spent).toMatchObject({ promptTokens: 50, completionTokens: 25 })
      })
    }
  })

  test.each([
    ['none', undefined],
    ['null', null],
    ['negative', { prompt_tokens: -3, completion_tokens: 5 }],
    ['fractions', { prompt_tokens: 1.5, completion_tokens: 5 }],
    ['texts', { prompt_tokens: '10', completion_tokens: '5' }],
    ['more than can be', { prompt_tokens: 1e12, completion_tokens: 5 }],
    ['more than was allowed', { prompt_tokens: 3, completion_tokens: 999 }],
    ['nothing for an answer', { prompt_tokens: 3, completion_tokens: 0 }],
  ])('wrong usage, %s, is estimated', async (_, usage) => {
    await withServer([serve.text('six by', { usage })], async (_, open) => {
      const { usage: counted } = await (await open()).ask(request('nine byte', { maxTokens: 20 }))
      expect(counted).toEqual({ promptTokens: 3, completionTokens: 2, isEstimated: true })
    })
  })
})

describe('limits', () => {
  test('no more are under way at once than allowed', async () => {
    await withServer([serve.later('a', 30)], async (server, open) => {
      const client = await open({ concurrency: 3 })
      await Promise.all(Array.from({ length: 9 }, (_, i) => client.ask(request(`q${i}`))))
      expect(server.most).toBe(3)
    })
  })
})

test('what is asked for is sent in the words of the API, and log-probs come back', async () => {
  const top_logprobs = [{ token: 'A', logprob: -0.1 }]
  const choice = { message: { content: 'A' }, logprobs: { content: [{ token: 'A', logprob: -0.1, top_logprobs }] } }
  await withServer([serve.raw(JSON.stringify({ choices: [choice] }))], async (server, open) => {
    const client = await open({ apiKey: 'sk-123456789' })
    const sampling = { temperature: 0.5, topP: 0.9, maxTokens: 7, seed: 4, logprobs: 2, stop: ['x'], sample: 3 }
    const answer = await client.ask(request('hi', sampling))
    expect(answer).toMatchObject({ tokens: [{ token: 'A', logprob: -0.1, top: top_logprobs }], finish: null })
    const [{ body, headers, path }] = server.requests
    expect([path, headers['authorization']]).toEqual(['/v1/chat/completions', 'Bearer sk-123456789'])
    expect(body).toEqual({
      ...{ model: 'm', messages: [{ role: 'user', content: 'hi' }], temperature: 0.5, top_p: 0.9, max_tokens: 7 },
      ...{ seed: 4, logprobs: true, top_logprobs: 2, stop: ['x'] },
    })
    await (await open({ tokenLimit: 'max_completion_tokens' })).ask(request('hi', { maxTokens: 7 }))
    expect(server.requests[1].body).toMatchObject({ max_completion_tokens: 7 })
    expect(server.requests[1].body).not.toHaveProperty('max_tokens')
  })
})

test('the key is in no file and no error, also where the endpoint repeats it', async () => {
  const key = 'sk-very-secret-0123456789'
  const escaped = key.replace('v', '\\u0076')
  const cache = place('cache')
  const transcript = join(place('log'), 'chat.jsonl')
  const before = setPlatform({ ...platform(), env: (name) => (name === 'MY_KEY' ? key : undefined) })
  const plans: Behaviour[] = [
    serve.text(`your key is ${key}`),
    serve.raw(`{"choices": [{"message": {"content": "it is ${escaped}"}, "finish_reason": "${escaped}"}]}`),
    serve.status(400, {}, { error: { message: `bad key ${key}` } }),
    serve.status(401, {}, `{"error": "bad key ${escaped}"}`),
    serve.raw(`<p>${key}`),
    serve.raw(`{"${escaped}": "${escaped}"}`),
  ]
  try {
    await withServer(plans, async (_, open) => {
      const client = await open({ apiKeyEnv: 'MY_KEY', cache, transcript, retries: 0 })
      const told: string[] = []
      for (let i = 0; i < plans.length; i++) {
        await client.ask(request(`q${i}`)).then(
          ({ text }) => told.push(text),
          (error) => told.push(error.message, error.help ?? '', String(error.stack), String(error.cause)),
        )
      }
      await client.close()
      const written = [...filesIn(cache), transcript].map((path) => readFileSync(path, 'utf8'))
      expect(written).toHaveLength(3)
      expect(written.at(-1)).toContain('your key is [key]')
      for (const text of [...told, ...written]) expect(text.includes(key) || text.includes(escaped)).toBe(false)
    })
  } finally {
    setPlatform(before)
  }
})

test('the transcript holds every question, and goes on after half a line', async () => {
  const transcript = join(place('log'), 'deep', 'chat.jsonl')
  await withServer(
    [serve.status(500), serve.text('one'), serve.text('two'), serve.status(400)],
    async (server, open) => {
      const first = await open({ transcript })
      const { hash } = await first.ask(request('a', { temperature: 0 }))
      await first.ask(request('a', { temperature: 0 }))
      await first.close()
      const whole = readFileSync(transcript, 'utf8')
      writeFileSync(transcript, `${whole}{"type": "chat", "te`)
      const second = await open({ transcript })
      await second.ask(request('b'))
      await failure(second.ask(request('c')))
      await second.close()
      expect(readFileSync(transcript, 'utf8').startsWith(whole)).toBe(true)
      const lines = []
      for await (const line of readEvents(transcript)) lines.push(line)
      expect(lines).toHaveLength(4)
      expect(lines[0]).toMatchObject({
        ...{ type: 'chat', hash, endpoint: `${server.url}/chat/completions`, sample: 0, text: 'one', finish: 'stop' },
        request: { model: 'm', messages: [{ role: 'user', content: 'a' }], temperature: 0 },
        usage: { promptTokens: 10, completionTokens: 5 },
        ...{ retries: 1, cached: false, error: null, latency_ms: expect.any(Number), time: expect.any(Number) },
      })
      expect(lines.map(({ cached, error }) => [cached, (error as { code: string } | null)?.code])).toEqual([
        [false, undefined],
        [true, undefined],
        [false, undefined],
        [false, 'E_CHAT_REFUSED'],
      ])
    },
  )
})

describe('a signal', () => {
  test.each([
    ['a request under way', serve.hang(), { timeoutMs: 60_000 }],
    ['a pause', serve.status(500), { backoffMs: 60_000 }],
    ['a held gate', serve.status(429, { 'retry-after': '30' }), {}],
  ] as const)('stops %s', async (_, behaviour, options) => {
    await withServer([behaviour], async (_, open) => {
      const client = await open(options)
      const control = new AbortController()
      const asked = [client.ask(request('a'), control), client.ask(request('b'), control)]
      setTimeout(() => control.abort(), 60)
      const started = performance.now()
      for (const one of asked) expect(await failure(one)).toMatchObject({ code: 'E_ABORTED', exitCode: 130 })
      expect(performance.now() - started).toBeLessThan(10_000)
    })
  })

  test('of one who waits leaves the others their answer', async () => {
    await withServer([serve.drip('fine', 1)], async (server, open) => {
      const client = await open({ timeoutMs: 5000 })
      const control = new AbortController()
      const first = client.ask(request('a'), control)
      const second = client.ask(request('a'))
      setTimeout(() => control.abort(), 30)
      expect(await failure(first)).toMatchObject({ code: 'E_ABORTED' })
      expect((await second).text).toBe('fine')
      expect(server.requests).toHaveLength(1)
    })
  })
})

test('of many pieces of work a failed one leaves the others be; three in a row without an answer end it', async () => {
  const plan = ({ body }: { body: { messages: { content: string }[] } }) =>
    body.messages[0].content === 'bad' ? serve.status(400) : serve.text('a')
  await withServer(plan, async (_, open) => {
    const client = await open()
    const results = await settleAll(['a', 'bad', 'c'], (content) => client.ask(request(content)))
    expect(results.map((one) => ('text' in one ? one.text : (one as HoneError).code))).toEqual([
      'a',
      'E_CHAT_REFUSED',
      'a',
    ])
  })
  await withServer([serve.status(500)], async (server, open) => {
    const client = await open({ retries: 0 })
    const results = await settleAll([...'abcdefgh'], (content) => client.ask(request(content)), { concurrency: 1 })
    expect(results.map((one) => (one as unknown as HoneError).code)).toEqual(new Array(8).fill('E_NETWORK'))
    expect(server.requests).toHaveLength(3)
  })
  const fault = new TypeError('a fault of the program')
  expect(await failure(settleAll([1, 2], () => Promise.reject(fault)))).toBe(fault)
})
