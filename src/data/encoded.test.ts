import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chatml, fakeTokenizer } from '../../test/fake-text.ts'
import { HoneError } from '../base/index.ts'
import { microBatches, planBatches } from './batches.ts'
import { type DatasetOptions, openDataset } from './dataset.ts'
import type { EncodedRow } from './encode.ts'
import { type EncodedOptions, encodeDataset } from './encoded.ts'
import { inspectRows, renderInspection } from './inspect.ts'

const tokenizer = fakeTokenizer()
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i)

async function encoded(rows: unknown[], options: Partial<EncodedOptions> = {}, reading: DatasetOptions = {}) {
  const dataset = await openDataset(rows, reading)
  return encodeDataset(dataset, { tokenizer, template: chatml(), maxLength: 100, ...options })
}

const text = (length: number) => ({ text: 'x'.repeat(length) })
const chat = (answer: string) => ({
  messages: [
    { role: 'user', content: 'q' },
    { role: 'assistant', content: answer },
  ],
})

describe('survey', () => {
  test('counts what the rows hold', async () => {
    const data = await encoded(
      [text(3), text(20), text(20), { prompt: 'a ', completion: 'b' }],
      {},
      { mixedFormats: true },
    )
    const { statistics, length } = await data.survey()
    expect(length).toBe(4)
    // bos + text + eos; 'a', ' ', 'b' stand apart where the whole text has ' b' as one token.
    expect(statistics).toMatchObject({ rows: 4, tokens: 5 + 22 + 22 + 5, lossTokens: 4 + 21 + 21 + 2, longest: 22 })
    expect(statistics).toMatchObject({ bordersChanged: 1, truncated: 0, dropped: 0, skipped: { total: 0 } })
    expect(statistics.histogram).toEqual([
      { upTo: 16, rows: 2 },
      { upTo: 32, rows: 2 },
    ])
  })

  test('leaves out what is too long or bad, and counts it', async () => {
    const rows = [text(3), { prompt: 'q', completion: 'a' }, text(300), { text: 5 }, text(4)]
    const options = { skipBad: true, lengthPolicy: 'drop' } as const
    const data = await encoded(rows, options, { skipBad: true })
    const survey = await data.survey()
    expect(survey.length).toBe(2)
    expect(survey.statistics).toMatchObject({ rows: 2, dropped: 1, skipped: { total: 2, counts: { E_ROW_FORMAT: 2 } } })
    expect(survey.statistics.skipped.examples.map((error) => error.message.split(':')[1])).toEqual(['2', '4'])
    for (const epoch of upTo(4)) {
      const order = survey.order(epoch, 1)
      expect(upTo(order.length).map(order.at).sort()).toEqual([0, 4])
    }
    expect((await data.readMany([0, 1, 2])).map((row) => row?.tokens ?? null)).toEqual([5, null, null])
  })

  test('the first bad row throws, before anything is trained', async () => {
    const data = await encoded([chat('a'), { messages: [{ role: 'user', content: 'q' }] }, chat('b')])
    await expect(data.survey()).rejects.toMatchObject({
      code: 'E_MASK_EMPTY',
      message: expect.stringContaining('(inline):2'),
    })
    expect((await data.survey({ rows: 1 })).length).toBe(3)
    await expect(data.readMany([1])).rejects.toMatchObject({ code: 'E_MASK_EMPTY' })
  })

  test('nothing left is an error that says why', async () => {
    const data = await encoded([text(300), text(400)], { lengthPolicy: 'drop' })
    await expect(data.survey()).rejects.toMatchObject({
      code: 'E_EMPTY',
      message: 'no row is left to train on: 2 dropped for their length',
    })
  })

  test('tells of its progress and stops on request', async () => {
    const data = await encoded(upTo(300).map(() => text(3)))
    const done: number[] = []
    await data.survey({ onProgress: (n, total) => done.push(n / total) })
    expect(done.at(-1)).toBe(1)
    expect(done.length).toBeGreaterThan(2)
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 0)
    const many = await encoded(upTo(20_000).map(() => text(3)))
    await expect(many.survey({ signal: abort.signal })).rejects.toMatchObject({ code: 'E_ABORTED', exitCode: 130 })
  })
})

describe('cache', () => {
  test('rows are encoded once while they fit, again when they do not, and come out the same', async () => {
    const run = async (cacheBytes: number) => {
      let encodings = 0
      const encode = (value: string) => {
        encodings++
        return tokenizer.encode(value)
      }
      const counting = { ...tokenizer, encode }
      const data = await encoded(
        upTo(50).map((i) => text(i + 1)),
        { tokenizer: counting, cacheBytes },
      )
      const first = await data.readMany(upTo(50))
      const second = await data.readMany(upTo(50))
      expect(second).toEqual(first)
      return encodings
    }
    expect(await run(1e6)).toBe(50)
    expect(await run(0)).toBe(100)
  })

  test('an error is not remembered as a row', async () => {
    const data = await encoded([text(3), text(300)])
    for (const _ of upTo(2)) expect((await data.readEach([1]))[0]).toBeInstanceOf(HoneError)
  })
})

test('a whole epoch in micro-batches: every row once, whatever the budget, resumed anywhere', async () => {
  const rows = upTo(40).map((i) => text((i * 7) % 30))
  const data = await encoded(rows)
  const survey = await data.survey()
  const stream = async (from: number, microTokens: number) => {
    const plan = planBatches((epoch) => survey.order(epoch, 9), { batchSize: 6, epochs: 2 })
    const updates: number[][] = []
    for (let update = from; update < plan.updates; update++) {
      const loaded = (await data.readMany(plan.rows(update))) as EncodedRow[]
      const micro = microBatches(
        loaded.map((row) => row.tokens),
        microTokens,
      )
      updates.push(micro.flatMap((places) => places.map((place) => loaded[place].input.id)).sort((a, b) => a - b))
    }
    return updates
  }
  const whole = await stream(0, 64)
  expect(whole.flat().filter((id) => id === 0).length).toBe(2)
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 300 }), async (from, microTokens) => {
      expect(await stream(from, microTokens)).toEqual(whole.slice(from))
    }),
    { seed: 1, numRuns: 10 },
  )
})

describe('inspection', () => {
  test('token by token, the texts joining to the decoded row', async () => {
    const data = await encoded([chat('né 🙂')])
    const [row] = await inspectRows(data, tokenizer, [0])
    if (row.status !== 'kept') throw new Error(row.status)
    const [{ name, tokens }] = row.segments
    expect(name).toBe('row')
    expect(tokens.map((token) => token.text).join('')).toBe(tokenizer.decode(tokens.map((token) => token.id)))
    expect(
      tokens
        .filter((token) => token.loss)
        .map((token) => token.text)
        .join(''),
    ).toBe('né 🙂<|im_end|>')
    expect(tokens.length).toBe(row.tokens)
    expect(renderInspection([row])).toBe(
      '(inline):1  30 tokens, 9 learnt\n<|im_start|>user\\n\nq<|im_end|>\\n\n<|im_start|>assistant\\n\n⟦né 🙂<|im_end|>⟧\\n\n',
    )
    expect(JSON.parse(JSON.stringify(row))).toEqual(row)
  })

  test('an answer is decoded as what follows its prompt, not as the start of a text', async () => {
    // As SentencePiece: a space at the very start is not part of the text.
    const stream: typeof tokenizer.stream = () => {
      const inner = tokenizer.stream()
      let first = true
      const push = (id: number) => {
        const text = inner.push(id)
        const cut = first ? text.replace(/^ /, '') : text
        first = false
        return cut
      }
      return { push, flush: inner.flush }
    }
    const data = await encoded([{ prompt: ' q', chosen: ' a', rejected: ' b' }], { form: 'pairs' })
    const [row] = await inspectRows(data, { ...tokenizer, stream }, [0])
    if (row.status !== 'kept') throw new Error(row.status)
    expect(row.segments.map(({ tokens }) => tokens.map((token) => token.text))).toEqual([
      ['<s>', ' q'],
      [' a', '</s>'],
      [' b', '</s>'],
    ])
  })

  test('pairs, bad and dropped rows; the terminal is not at the mercy of the data', async () => {
    const pair = { prompt: 'q\x1b[2J', chosen: ' a', rejected: ' b\u202e' }
    const long = { ...pair, prompt: 'x'.repeat(200) }
    const options = { form: 'pairs', lengthPolicy: 'drop' } as const
    const data = await encoded([pair, long, { text: 'a' }], options, { mixedFormats: true })
    const rows = await inspectRows(data, tokenizer, [0, 1, 2])
    expect(rows.map((row) => row.status)).toEqual(['kept', 'dropped', 'bad'])
    const plain = renderInspection(rows)
    expect(plain).toContain('prompt (6)\n<s>q\\u001b[2J\nchosen (2)\n⟦ a</s>⟧\nrejected (5)\n⟦ b\\u202e</s>⟧')
    expect(plain).toContain('row 1: dropped, longer than maxLength')
    expect(plain).toContain('row 2: E_ROW_FORMAT: (inline):3: the row is plain text, expected a pair')
    const table = renderInspection(rows.slice(0, 1), { form: 'table' })
    expect(table).toContain('     0     260  " a"  loss')
    expect(renderInspection(rows.slice(0, 1), { colour: true })).toContain('\x1b[32m a</s>\x1b[0m')
  })
})
