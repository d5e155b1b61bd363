import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, expect, test } from 'vitest'
import type { Answered } from '../../rewards/index.ts'
import { online } from '../index.ts'

const root = mkdtempSync(join(tmpdir(), 'hone-online-kill-'))
afterAll(() => rmSync(root, { recursive: true }))
const program = join(import.meta.dirname, '../../../test/online-run.ts')

/** Runs the program, and kills it when it has said its `killAt`-th line; returns its exit code, null when killed. */
async function launch(out: string, killAt = Number.POSITIVE_INFINITY): Promise<number | null> {
  const child = spawn(process.execPath, [program, out], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  let lines = 0
  createInterface(child.stdout).on('line', () => ++lines === killAt && child.kill('SIGKILL'))
  const [code] = await ended
  return code
}

const outcome = (out: string) => ({
  weights: readFileSync(join(out, 'model.safetensors'), 'base64'),
  events: readFileSync(join(out, 'run/events.jsonl'), 'utf8').replace(/"(time|seconds)":\s*[\d.e+-]+/g, ''),
})

// The program says: the start, 8 samples and a round, 3 updates; then the second round alike.
test('killed while it draws, between rounds and inside one, a run ends with the same bits', async () => {
  const whole = join(root, 'whole')
  expect(await launch(whole)).toBe(0)
  const broken = join(root, 'broken')
  for (const line of [1, 11, 2]) expect(await launch(broken, line)).toBe(null)
  expect(await launch(broken)).toBe(0)
  expect(outcome(broken)).toEqual(outcome(whole))
})

test('stopped by its signal among its answers, and inside a round, it ends with the same bits', async () => {
  const options = {
    model: 'tiny',
    data: ['Once', 'The sun', 'A dog'].map((prompt) => ({ prompt })),
    grader: { id: 'letters', grade: lettersOf },
    ...{ rounds: 2, n: 2, maxTokens: 4, batchSize: 3, stepsPerRound: 2, learningRate: 1e-3, warmup: 0, beta: 1 },
  }
  const weights = (out: string) => readFileSync(join(out, 'model.safetensors'), 'base64')
  const whole = join(root, 'unstopped')
  await online('inpo', { ...options, out: whole })
  for (const at of [3, 8]) {
    const out = join(root, `stopped-${at}`)
    const controller = new AbortController()
    let events = 0
    const onEvent = () => void (++events === at && controller.abort())
    const { interrupted } = await online('inpo', { ...options, out }, { signal: controller.signal, onEvent })
    expect(interrupted).toBe(true)
    await online('inpo', { ...options, out, resume: true })
    expect(weights(out)).toBe(weights(whole))
  }
})

const lettersOf = async (asked: readonly Answered[]) =>
  asked.map(({ answers }) => answers.map(({ text }, i) => text.length + i / 1000))
