import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { prompts, useOnline } from '../../../test/online-runs.ts'
import { openSafetensors, readTensorBytes, writeSafetensors } from '../../formats/index.ts'
import type { Comparer } from '../../rewards/index.ts'

const run = useOnline()

test('selm leaves what it answers greedily as a round begins, xpo what the start answers', async () => {
  const keys = { n: 2, stepsPerRound: 1, optimism: 0.5, beta: 1 }
  const [selm, xpo] = [await run('selm', keys), await run('xpo', keys)]
  const usual = ({ samples }: Awaited<ReturnType<typeof run>>, round: number) =>
    samples.filter((one) => one.role === 'usual' && one.round === round)
  for (const one of [selm, xpo]) for (const round of [1, 2]) expect(usual(one, round)).toHaveLength(6)
  // At the reference the exploring term is nothing: each round of selm, and the first of xpo.
  expect(selm.steps.map(({ loss }) => loss.toFixed(10))).toEqual([Math.LN2, Math.LN2].map((x) => x.toFixed(10)))
  expect(xpo.steps[0].loss).toBeCloseTo(Math.LN2, 10)
  expect(xpo.steps[1].loss).not.toBeCloseTo(Math.LN2, 5)
  expect(selm.steps[1].metrics['usualReward']).toBeCloseTo(0, 10)
})

test('star goes back to the start before it learns, raft goes on from where it is', async () => {
  const keys = { n: 1, threshold: 0, stepsPerRound: 1 }
  const [star, raft] = [await run('star', keys), await run('raft', keys)]
  expect(star.samples.map(({ text }) => text)).toEqual(raft.samples.map(({ text }) => text))
  expect(star.steps[0].loss).toBe(raft.steps[0].loss)
  expect(star.steps[1].loss).not.toBe(raft.steps[1].loss)
})

test('kto compares each answer with one to another prompt', async () => {
  const { steps, samples, rounds } = await run('kto', { threshold: 10, rounds: 1 })
  expect(rounds[0].rows).toBe(12)
  expect(new Set(samples.map(({ role }) => role))).toEqual(new Set(['good', 'bad']))
  for (const { score = 0, role } of samples) expect(role).toBe(score >= 10 ? 'good' : 'bad')
  // Before the first update nothing is gained or lost, and the answers to other prompts are read in the same pass.
  expect(steps[0].metrics).toMatchObject({ kl: 0 })
  await expect(run('kto', { data: prompts.slice(0, 1), threshold: 10 })).rejects.toMatchObject({ code: 'E_EMPTY' })
})

test('nash-md plays against the mixture, which a fresh adapter leaves the model itself', async () => {
  const adapter = { adapter: 'lora', rank: 4, stepsPerRound: 1 } as const
  const { samples, steps } = await run('nash-md', adapter)
  expect(samples).toHaveLength(2 * 6 * 2 * 2)
  expect(samples.filter(({ role }) => role === 'opponent')).toHaveLength(24)
  expect(steps[0].metrics).toMatchObject({ kl: 0 })
  // Other draws than the model's own, of the same prompts.
  const texts = (role: string) => samples.filter((one) => one.round === 1 && one.role === role).map(({ text }) => text)
  expect(texts('opponent')).not.toEqual(texts('answer'))
})

test('nash-md without an adapter mixes with a second model, which it is itself until its first update', async () => {
  const keys = { stepsPerRound: 1, learningRate: 0.02 }
  const [half, none, whole] = [
    await run('nash-md', keys),
    await run('nash-md', { ...keys, mixtureShare: 0 }),
    await run('nash-md', { ...keys, mixtureShare: 1 }),
  ]
  const opponents = ({ samples }: typeof half, round: number) =>
    samples.filter((one) => one.role === 'opponent' && one.round === round).map(({ text }) => text)
  // At the start the reference is the model, in whatever share; after an update it is not.
  expect(opponents(half, 1)).toEqual(opponents(none, 1))
  expect(opponents(whole, 1)).toEqual(opponents(none, 1))
  expect(opponents(whole, 2)).not.toEqual(opponents(none, 2))
  expect(opponents(half, 2)).not.toEqual(opponents(none, 2))
  expect(half.steps[0].metrics).toMatchObject({ kl: 0 })
  expect(half.steps[1].metrics['kl']).not.toBe(0)
})

/** The shipped model with more rows in its vocabulary than its tokenizer has tokens. */
async function padded(folder: string): Promise<string> {
  const tiny = fileURLToPath(new URL('../../../models/tiny', import.meta.url))
  cpSync(tiny, folder, { recursive: true })
  const { tensors } = await openSafetensors(join(tiny, 'model.safetensors'))
  const [rows, width] = [16, 192]
  const written = [...tensors.values()].map((entry) => {
    const isVocabulary = entry.name === 'model.embed_tokens.weight'
    const bytes = async () => {
      const own = await readTensorBytes(entry)
      return isVocabulary ? Buffer.concat([own, Buffer.alloc(rows * width * 2)]) : own
    }
    return { name: entry.name, dtype: entry.dtype, shape: isVocabulary ? [2048 + rows, width] : entry.shape, bytes }
  })
  await writeSafetensors(join(folder, 'model.safetensors'), written, {})
  const config = join(folder, 'config.json')
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, 'utf8')), vocab_size: 2048 + rows }))
  return folder
}

test('nash-md refuses a reference with another vocabulary before it draws; dpo compares with it', async () => {
  const root = mkdtempSync(join(tmpdir(), 'hone-padded-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  const reference = await padded(join(root, 'padded'))
  const out = join(root, 'out')
  const refused = run('nash-md', { reference, out })
  await expect(refused).rejects.toMatchObject({
    code: 'E_MIXTURE',
    message: expect.stringContaining('a model with 2048 tokens cannot be mixed with one that has 2064'),
  })
  expect(existsSync(out)).toBe(false)
  // A row of zeros has the logit 0, so that the reference is the start but for a little.
  const { steps } = await run('dpo', { reference, referenceShare: 1, rounds: 1, stepsPerRound: 1 })
  expect(Math.abs(steps[0].loss - Math.LN2)).toBeLessThan(0.02)
})

test('spin learns from demonstrations, without a judge, and carries a round on', async () => {
  const told = prompts.map((row) => ({ ...row, completion: ' there was' }))
  const { steps, samples } = await run('spin', { data: told, grader: undefined })
  expect(steps.map(({ metrics }) => metrics['margin'] === 0)).toEqual([true, false, true, false])
  expect(samples.every(({ role, score }) => role === 'rejected' && score === undefined)).toBe(true)
})

test('somebody who only compares answers has them play a tournament', async () => {
  const longer: Comparer = {
    id: 'longer',
    compare: async (pairs) => pairs.map(({ first, second }) => Number(first.text.length >= second.text.length)),
  }
  const { samples } = await run('inpo', { n: 4, rounds: 1, grader: longer })
  for (const { prompt } of prompts) {
    const own = samples.filter((one) => one.prompt === prompt)
    const lengths = own.map(({ text }) => text.length)
    expect(own.find(({ role }) => role === 'chosen')?.text).toHaveLength(Math.max(...lengths))
    expect(own.find(({ role }) => role === 'rejected')?.text).toHaveLength(Math.min(...lengths))
    expect(own.every(({ score }) => score === undefined)).toBe(true)
  }
  await expect(run('raft', { grader: longer })).rejects.toMatchObject({ code: 'E_CONFIG' })
})
