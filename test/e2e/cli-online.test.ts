/** Learning from one's own answers from the command line. */
import { readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { chatServer, serve } from '../chat-server.ts'
import { useFixture } from './cli-fixture.ts'

const { at, document, run } = useFixture()
beforeAll(() => {
  at.jsonl(
    'prompts.jsonl',
    ['Once', 'The sun', 'A dog', 'Then'].map((prompt) => ({ prompt, wanted: 'e' })),
  )
  at.write(
    'letters.ts',
    'export default (prompt: string, answer: string, row: { wanted: string }): number => answer.split(row.wanted).length + answer.length / 100',
  )
})
const brief = ['n=2', 'maxTokens=6', 'rounds=2', 'stepsPerRound=1', 'batchSize=4', 'learningRate=1e-3']
const line = (out: string, ...rest: string[]) => {
  return ['online', 'dpo', '--model', 'tiny', '--data', 'prompts.jsonl', '--out', out, ...rest, ...brief]
}

test("a reward of one's own: rounds are told, and every answer stands in the report", async () => {
  const told = await run(line('own', '--reward', './letters.ts'))
  expect(told.code).toBe(0)
  expect(told.stdout).toMatch(/round 1: 8 answers to 4 prompts.*score.*\n.*round 2/s)
  const events = readFileSync(at.path('own/run/events.jsonl'), 'utf8').trim().split('\n')
  const samples = events.map((text) => JSON.parse(text)).filter(({ type }) => type === 'sample')
  expect(samples).toHaveLength(16)
  await document(['report', 'own'])
  const page = readFileSync(at.path('own/report.html'), 'utf8')
  expect(page).toContain('Answers of round 2')
  expect(page.match(/>chosen</g)).toHaveLength(samples.filter(({ role }) => role === 'chosen').length)
  expect(JSON.parse(readFileSync(at.path('own/run/config.json'), 'utf8')).config.grader).toBe('./letters.ts')
})

test('in a tournament answers have no score: who wins is chosen; methods that learn from scores have none', async () => {
  const told = await run(line('duels', '--reward', './letters.ts', '--tournament'))
  expect(told.code).toBe(0)
  const events = readFileSync(at.path('duels/run/events.jsonl'), 'utf8').trim().split('\n')
  const samples = events.map((text) => JSON.parse(text)).filter(({ type }) => type === 'sample')
  const worth = (text: string) => text.split('e').length + text.length / 100
  const sides = (role: string) => samples.filter((sample) => sample.role === role)
  expect(sides('chosen').length).toBeGreaterThan(0)
  for (const { prompt, round, text, score } of sides('chosen')) {
    const loser = sides('rejected').find((other) => other.prompt === prompt && other.round === round)
    expect(worth(text)).toBeGreaterThanOrEqual(worth(loser.text))
    expect(score ?? null).toBeNull()
  }
  const raft = await run(['online', 'raft', ...line('scored', '--reward', './letters.ts', '--tournament').slice(2)])
  expect(raft.stderr).toContain("unknown option '--tournament'")
})

test('an endpoint judges by a file of keys; best of n asks a reward', async () => {
  // Says the first letter counts: a score that depends on the answer alone.
  await using server = await chatServer(() => serve.text(JSON.stringify({ why: 'so', score: 3 })))
  at.write('judge.yaml', `endpoint: ${server.url}\nmodel: m\nask: pointwise\ncache: ''\n`)
  const even = await run(line('even', '--judge', 'judge.yaml'))
  expect(even.stderr).toContain('nothing is to be learnt')
  expect(server.requests.length).toBeGreaterThan(0)
  const sampled = ['sample', '--model', 'tiny', '--prompt', 'Once', '--n', '4', '--best-by', './letters.ts']
  const { completions } = await document([...sampled, '--max-tokens', '8'])
  expect(completions).toHaveLength(1)
  expect(completions[0].score).toBe(Math.max(...completions[0].scores))
})
