/** Judges that are models on this machine. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fakeModel } from '../../../test/fake-engine.ts'
import { chatml, fakeTokenizer } from '../../../test/fake-text.ts'
import { type OpenModel, openLocalEngine, openModel } from '../../engine/index.ts'
import { initModel } from '../../models/index.ts'
import { openReferenceBackend } from '../../tensor/index.ts'
import { type Comparison, localModelJudge, rewardModelJudge, type Score } from './index.ts'

const tokenizer = fakeTokenizer()
const inTag = (text: string, tag: string) => text.split(`<${tag}>\n`)[1]?.split('\n')[0] ?? ''
const scores = (all: unknown[]) => all.map((one) => (one as Score).score)

describe('a local model with a rubric', () => {
  /** Its reply's log-prob grows with how well the digit meets the answer; A is liked by a fixed bias. */
  const open = (bias: number, template = chatml() as ReturnType<typeof chatml> | null, contextLength = 4000) =>
    fakeModel({
      ...{ tokenizer, template, contextLength },
      logprob: (path, token) => {
        const text = tokenizer.decode(path)
        const reply = tokenizer.decode([token]).trim()
        if (!text.includes('<answer_A>')) return -Math.abs(Number(reply) - Number(inTag(text, 'answer')))
        const lead = Number(inTag(text, 'answer_A')) - Number(inTag(text, 'answer_B'))
        return (reply === 'A' ? 1 : -1) * (lead / 2 + bias / 2) - 3
      },
    })

  test('the score is the expected digit', async () => {
    const [one] = scores(await localModelJudge(open(0)).score([{ prompt: 'Hi', answer: '4' }]))
    const weights = [1, 2, 3, 4, 5].map((digit) => Math.exp(-Math.abs(digit - 4)))
    const sum = weights.reduce((total, weight) => total + weight, 0)
    expect(one).toBeCloseTo(
      weights.reduce((total, weight, i) => total + (weight * (i + 1)) / sum, 0),
      6,
    )
  })

  test('the chance of A against B, a bias for A cancelled in both orders', async () => {
    const pairs = [
      ['5', '1'],
      ['1', '5'],
      ['3', '2'],
      ['2', '2'],
    ].map(([a, b]) => ({ prompt: 'Hi', answers: [a, b] as const }))
    const judge = localModelJudge(open(2))
    const verdicts = (await judge.compare(pairs)) as Comparison[]
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(['first', 'second', 'tie', 'tie'])
    expect(verdicts[2].orders).toEqual(['first', 'second'])
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
    expect(verdicts[0].chance).toBeCloseTo((sigmoid(4 + 2) + 1 - sigmoid(-4 + 2)) / 2, 5)
    const once = (await localModelJudge(open(2), { swap: false }).compare(pairs)) as Comparison[]
    expect(once.map(({ verdict }) => verdict)).toEqual(['first', 'second', 'first', 'first'])
    const wide = (await localModelJudge(open(0), { tieChance: 0.3 }).compare(pairs)) as Comparison[]
    expect(wide.map(({ verdict }) => verdict)).toEqual(['first', 'second', 'tie', 'tie'])
    expect(await judge.rank([{ prompt: 'Hi', answers: ['1', '9', '5'] }])).toMatchObject([{ order: [1, 2, 0] }])
  })

  test('without a template; packing has no influence; a question that is too long has its error in its place', async () => {
    const plain = open(0, null)
    const items = ['4', '2', '5'].map((answer) => ({ prompt: 'Hi', answer }))
    const apart = await localModelJudge(plain, { microTokens: 1 }).score(items)
    expect(plain.calls).toHaveLength(3)
    expect(await localModelJudge(plain, { microTokens: 1e6 }).score(items)).toEqual(apart)
    expect(plain.calls).toHaveLength(4)
    const short = localModelJudge(open(0, null, 900))
    const long = { prompt: 'Hi', answer: 'word '.repeat(400) }
    expect(await short.score([items[0], long, items[1]])).toMatchObject([{}, { code: 'E_TOO_LONG' }, {}])
  })

  test('a scale of more than one digit is refused', () => {
    expect(() => localModelJudge(open(0), { scale: { low: 1, high: 10 } })).toThrow(/expected digits/)
  })

  test('the shipped model: sure of itself in both orders alike, and stopped by a signal', async () => {
    await using tiny = await openModel('tiny', { threads: 1 })
    const judge = localModelJudge(tiny)
    const pairs = [{ prompt: 'Say hello.', answers: ['Hello!', 'No.'] as const }]
    const [one] = (await judge.compare(pairs)) as Comparison[]
    const [other] = (await judge.compare([{ ...pairs[0], answers: ['No.', 'Hello!'] }])) as Comparison[]
    expect(one.chance).toBeGreaterThan(0)
    expect(one.chance! + other.chance!).toBeCloseTo(1, 12)
    const [score] = scores(await judge.score([{ prompt: 'Say hello.', answer: 'Hello!' }]))
    expect(score > 1 && score < 5).toBe(true)
    await expect(judge.score([{ prompt: 'a', answer: 'b' }], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'E_ABORTED',
    })
  })
})

describe('reward models', () => {
  const opened: (Pick<OpenModel, 'engine' | 'tokenizer' | 'template'> & { close(): Promise<void> })[] = []
  beforeAll(() => {
    for (const seed of [1, 2]) {
      const backend = openReferenceBackend()
      const config = {
        ...{ model_type: 'llama', architectures: ['LlamaForSequenceClassification'], num_labels: 1, vocab_size: 288 },
        ...{ hidden_size: 8, intermediate_size: 12, num_hidden_layers: 1, num_attention_heads: 2 },
        ...{ num_key_value_heads: 1, max_position_embeddings: 64, tie_word_embeddings: true },
      }
      const engine = openLocalEngine(initModel(config, { backend, seed, deviation: 0.3 }))
      const close = async () => {
        await engine.close()
        backend.close()
      }
      opened.push({ engine, tokenizer, template: chatml(), close })
    }
  })
  afterAll(() => Promise.all(opened.map(({ close }) => close())))
  const items = ['red', 'a long answer', 'red'].map((answer) => ({ prompt: 'Name it: ', answer }))

  test('an answer has its score alone and among others; equal answers are even', async () => {
    const judge = rewardModelJudge([opened[0]])
    const together = scores(await judge.score(items))
    const alone: number[] = []
    for (const item of items) alone.push(...scores(await judge.score([item])))
    for (const [i, score] of alone.entries()) expect(score).toBeCloseTo(together[i], 6)
    expect(new Set(together.map((score) => score.toFixed(4))).size).toBe(2)
    const answers = ['red', 'a long answer', 'red']
    const [ranking] = await judge.rank([{ prompt: 'Name it: ', answers }])
    expect(ranking).toMatchObject({ scores: together })
    expect(await judge.compare([{ prompt: 'Name it: ', answers: ['red', 'red'] }])).toMatchObject([{ verdict: 'tie' }])
  })

  test('several are an ensemble', async () => {
    const [one, two] = await Promise.all(
      opened.map(async (open) => scores(await rewardModelJudge([open]).score(items))),
    )
    const worst = scores(await rewardModelJudge(opened, { rule: 'worst' }).score(items))
    expect(worst).toEqual(one.map((score, i) => Math.min(score, two[i])))
  })

  test('turns are read by the template; an answer that is too long has its error in its place', async () => {
    const turns = [{ role: 'user', content: 'hi' }]
    const long = { prompt: 'b', answer: 'x'.repeat(100) }
    const mixed = [{ prompt: turns, answer: 'yo' }, long, ...items]
    const results = await rewardModelJudge([opened[0]]).score(mixed)
    expect(results[1]).toMatchObject({ code: 'E_TOO_LONG' })
    const rest = scores(await rewardModelJudge([opened[0]]).score(items))
    expect(scores(results.slice(2)).map((score, i) => Math.abs(score - rest[i]) < 1e-6)).toEqual([true, true, true])
    expect(results[0]).toMatchObject({ score: expect.any(Number) })
  })

  test('what is no reward model is refused', async () => {
    const model = fakeModel({ tokenizer })
    Object.assign(model.engine, { readouts: new Set(['logprob']) })
    await expect(rewardModelJudge([model]).score(items)).rejects.toMatchObject({ code: 'E_READOUT' })
  })
})
