import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { fakeLogprob, fakeModel } from '../../test/fake-engine.ts'
import { chatml, fakeTokenizer } from '../../test/fake-text.ts'
import { taskFromJsonl } from './rows.ts'
import { evaluate, loadTasks } from './run.ts'
import type { GenerateTask } from './tasks.ts'

const tokenizer = fakeTokenizer()
const folder = mkdtempSync(join(tmpdir(), 'hone-eval-'))
afterAll(() => rmSync(folder, { recursive: true }))
const lines = (rows: object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

/** Right on the questions with an even number. */
const sums = Array.from({ length: 20 }, (_, i) => ({ prompt: `${i}+1=`, answer: String(i + 1) }))
const half = (prompt: string) => {
  const i = Number(/(\d+)\+1=/.exec(prompt)?.[1])
  return i % 2 === 0 ? `${i + 1}\nand more` : 'no idea'
}

test('answers go back to their questions, and the value is the share of right ones', async () => {
  const open = fakeModel({ tokenizer, answer: half })
  const { tasks, scores, samples } = await evaluate(open, [taskFromJsonl('sums', lines(sums))])
  expect(tasks.sums).toMatchObject({ metric: 'exact_match', value: 0.5, n: 20 })
  expect(tasks.sums.low).toBeLessThan(0.5)
  expect(tasks.sums.high).toBeGreaterThan(0.5)
  for (const { prompt, answer, score } of samples)
    expect([prompt, score]).toEqual([prompt, Number(answer !== 'no idea')])
  expect(scores.sums).toEqual(samples.map(({ score }) => score))
})

test('with a template a question is a chat and the answer may have lines of its own', async () => {
  const seen: string[] = []
  const answer = (prompt: string) => {
    seen.push(prompt)
    return half(prompt)
  }
  const open = fakeModel({ tokenizer, template: chatml(), answer })
  const { tasks } = await evaluate(open, [taskFromJsonl('sums', lines(sums))])
  expect(tasks.sums.value).toBe(0)
  expect(seen[0]).toMatch(/^<\|im_start\|>user\n\d+\+1=<\|im_end\|>\n<\|im_start\|>assistant\n$/)
})

test('seeds choose items and intervals; n bounds the items; the same call gives the same figures', async () => {
  const open = fakeModel({ tokenizer, answer: half })
  const task = taskFromJsonl('sums', lines(sums))
  const run = (seed: number) => evaluate(open, [task], { seed, n: 7 })
  const [a, b, c] = [await run(1), await run(1), await run(2)]
  expect(a).toEqual(b)
  expect(a.tasks.sums.n).toBe(7)
  expect(c.samples.map(({ prompt }) => prompt)).not.toEqual(a.samples.map(({ prompt }) => prompt))
})

test('when all items agree the interval still has a width', async () => {
  const open = fakeModel({ tokenizer, answer: () => 'never' })
  const { value, low, high } = (await evaluate(open, [taskFromJsonl('sums', lines(sums))])).tasks.sums
  expect([value, low]).toEqual([0, 0])
  expect(high).toBeGreaterThan(0.05)
})

test('partial scores have their mean and a bootstrap', async () => {
  const task: GenerateTask = {
    ...{ id: 'graded', summary: '', kind: 'generate', metric: 'preference', maxTokens: 4, defaultItems: 4 },
    items: () => [0, 0.25, 0.5, 1].map((score) => ({ prompt: String(score), accepted: [] })),
    score: ({ prompt }: { prompt?: string }) => Number(prompt),
  } as GenerateTask
  const { graded } = (await evaluate(fakeModel({ tokenizer }), [task])).tasks
  expect(graded.value).toBeCloseTo(0.4375, 12)
})

/** By hand: the sum of the log-probs of a choice after its question. */
const likelihood = (prompt: string, choice: string) => {
  const path = [0, ...tokenizer.encode(prompt)]
  let sum = 0
  for (const id of tokenizer.encode(choice)) {
    sum += fakeLogprob(path, id)
    path.push(id)
  }
  return sum
}

test('the likeliest choice is taken, each scored after its own question', async () => {
  const rows = Array.from({ length: 16 }, (_, i) => {
    const choices = ['yes', 'no', 'it may well be']
    const values = choices.map((choice) => likelihood(`is it ${i}?`, ` ${choice}`))
    const best = values.indexOf(Math.max(...values))
    return { prompt: `is it ${i}?`, choices, answer: i < 12 ? best : (best + 1) % 3 }
  })
  const { tasks } = await evaluate(fakeModel({ tokenizer }), [taskFromJsonl('choice', lines(rows))])
  expect(tasks.choice).toMatchObject({ metric: 'accuracy', value: 0.75, n: 16 })
})

test('longer choices can be weighed by their length', async () => {
  const logprob = () => -1
  const rows = [{ prompt: 'q', choices: ['aa', 'aaaaaaaa'], answer: 0 }]
  const value = async (normalisation: 'sum' | 'per-token') => {
    const open = fakeModel({ tokenizer, logprob: (path) => (path.length > 6 ? -0.5 : logprob()) })
    return (await evaluate(open, [taskFromJsonl('c', lines(rows), { normalisation })])).tasks.c.value
  }
  expect([await value('sum'), await value('per-token')]).toEqual([1, 0])
})

test('perplexity is over all tokens together, and its interval holds it', async () => {
  const texts = ['a', 'bc', 'def and more', 'g']
  const open = fakeModel({ tokenizer })
  const sums = texts.map((text) => likelihood('', text))
  const tokens = texts.map((text) => tokenizer.encode(text).length)
  const total = (values: number[]) => values.reduce((a, b) => a + b, 0)
  const { ppl } = (await evaluate(open, [taskFromJsonl('ppl', lines(texts.map((text) => ({ text }))))])).tasks
  expect(ppl.value).toBeCloseTo(Math.exp(-total(sums) / total(tokens)), 6)
  expect(ppl.low).toBeLessThan(ppl.value)
  expect(ppl.high).toBeGreaterThan(ppl.value)
})

test('tasks are found by name and by file; the same one twice and an unknown one are refused', async () => {
  const path = join(folder, 'mine.jsonl')
  writeFileSync(path, lines(sums))
  expect((await loadTasks(['tiny', path])).map(({ id }) => id)).toEqual(['tiny', path])
  await expect(loadTasks([join(folder, 'none.jsonl')])).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
  await expect(loadTasks(['tinny'])).rejects.toMatchObject({ code: 'E_TASK' })
  const open = fakeModel({ tokenizer, answer: half })
  await expect(evaluate(open, [path, path])).rejects.toMatchObject({ code: 'E_TASK' })
})

test('a question that does not fit is named', async () => {
  const open = fakeModel({ tokenizer, contextLength: 8 })
  const long = [{ prompt: 'is this too long?', choices: ['yes', 'no'], answer: 0 }]
  const choice = [{ prompt: 'is', choices: ['yes it is indeed', 'no'], answer: 0 }]
  for (const rows of [long, choice]) {
    await expect(evaluate(open, [taskFromJsonl('t.jsonl', lines(rows))])).rejects.toMatchObject({
      code: 'E_TOO_LONG',
      message: expect.stringMatching(/^t\.jsonl, the question "is.*8/),
    })
  }
})

test('progress counts up to the end of each task', async () => {
  const seen: string[] = []
  const open = fakeModel({ tokenizer, answer: half })
  const onProgress = ({ task, done, total }: { task: string; done: number; total: number }) =>
    seen.push(`${task} ${done}/${total}`)
  await evaluate(open, [taskFromJsonl('sums', lines(sums))], { n: 3, onProgress })
  expect(seen).toEqual(['sums 1/3', 'sums 2/3', 'sums 3/3'])
})
