import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fakeModel } from '../../test/fake-engine.ts'
import { fakeTokenizer } from '../../test/fake-text.ts'
import { type Platform, setPlatform } from '../base/index.ts'
import { nodePlatform } from '../base/platform/node.ts'
import { packTree, type RowInput } from '../batch/index.ts'
import { cachedReference, liveReference } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'hone-reference-'))
let before: Platform
beforeAll(() => {
  before = setPlatform({ ...nodePlatform, cacheFolder: () => folder })
})
afterAll(() => {
  setPlatform(before)
  rmSync(folder, { recursive: true })
})

const answers = [
  { tokens: [5, 6], loss: [1, 1], parent: 0, sequence: 0 },
  { tokens: [7], loss: [1], parent: 0, sequence: 1 },
]
const plain = (id: number): RowInput => ({ id, segments: [{ tokens: [1, 2, id] }, ...answers] })
/** The prompt is learnt as a third sequence, and the reference reads another one. */
const short = (id: number): RowInput => ({
  id,
  segments: [{ tokens: [1, 2, id], loss: [1, 1, 1], sequence: 2 }, ...answers],
  reference: [{ tokens: [id] }, ...answers],
})

test('log-probs of another prompt stand at the tokens of the answers, and 0 at those that it has not', async () => {
  const { engine } = fakeModel({ tokenizer: fakeTokenizer() })
  const { logprobs } = await engine.forward(packTree([{ id: 4, segments: [{ tokens: [4] }, ...answers] }]))
  const read = liveReference(engine)
  const own = await read([plain(3), short(4)])
  const first = await engine.forward(packTree([plain(3)]))
  // The first token of a path is never learnt: two of the prompt's three are left.
  expect([...own]).toEqual([...first.logprobs, 0, 0, ...logprobs])
})

test('the cache gives what the engine gives, and is read again by the next run', async () => {
  const open = fakeModel({ tokenizer: fakeTokenizer() })
  const engine = Object.assign(open.engine, { hardware: { backend: 'fake', isa: 'none', threads: 1 } })
  const rows = [plain(3), short(4), plain(5)]
  const how = { engine, rows, weightsHash: 'w', precision: 'f32', microTokens: 8 }
  const read = await cachedReference(how)
  expect(await read([rows[2], rows[1]])).toEqual(await liveReference(engine)([rows[2], rows[1]]))
  const calls = open.calls.length
  await cachedReference(how)
  expect(open.calls).toHaveLength(calls)
  // A row more costs that row; what is damaged is made again.
  await cachedReference({ ...how, rows: [...rows, plain(6)] })
  expect(open.calls.slice(calls)).toEqual([6])
  const [name] = readdirSync(join(folder, 'reference'))
  writeFileSync(join(folder, 'reference', name), 'damaged')
  expect(await (await cachedReference(how))([rows[0]])).toEqual(await liveReference(engine)([rows[0]]))
  await cachedReference({ ...how, weightsHash: 'v' })
  expect(open.calls.length).toBeGreaterThan(calls)
})

test('an answer of another length for the reference is refused', async () => {
  const { engine } = fakeModel({ tokenizer: fakeTokenizer() })
  const odd = { ...short(4), reference: [{ tokens: [4] }, answers[0]] }
  await expect(liveReference(engine)([{ ...odd, reference: [{ tokens: [4, 5], loss: [0, 1] }] }])).rejects.toThrow(
    /answer 0 has 2 tokens to learn and 1/,
  )
})
