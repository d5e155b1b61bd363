import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { Grader } from '../src/rewards/index.ts'
import type { RoundEvent, SampleEvent, StepEvent, TrainEvent, WarningEvent } from '../src/train/events.ts'
import { type OnlineOptions, online } from '../src/train/index.ts'

/** Six short prompts. */
export const prompts = ['Once', 'The sun', 'A dog', 'Tell me', 'Then', 'He'].map((prompt) => ({ prompt }))
/** The longer answer is the better one, of equals the later. */
export const letters: Grader = {
  id: 'letters',
  grade: async (asked) =>
    asked.map(({ answers }) => answers.map(({ text, tokens }, i) => text.length + tokens.length / 100 + i / 1000)),
}
/** Two rounds of the shipped model in a second. */
export const brief = {
  model: 'tiny',
  data: prompts,
  rounds: 2,
  n: 2,
  maxTokens: 4,
  batchSize: 6,
  stepsPerRound: 2,
  learningRate: 1e-3,
  warmup: 0,
}

/** Gives a function that runs a method to its end, each time in a folder of its own, and sorts what was told. */
export function useOnline() {
  const root = mkdtempSync(join(tmpdir(), 'hone-online-'))
  afterAll(() => rmSync(root, { recursive: true }))
  let runs = 0
  return async (id: string, keys: Partial<OnlineOptions> = {}) => {
    const events: TrainEvent[] = []
    const out = join(root, `run-${runs++}`)
    const options = { ...brief, out, grader: letters, ...keys }
    const result = await online(id, options, { onEvent: (event) => events.push(event) })
    const of = <E extends TrainEvent>(type: E['type']) => events.filter((event) => event.type === type) as E[]
    return {
      result,
      out: options.out,
      steps: of<StepEvent>('step'),
      rounds: of<RoundEvent>('round'),
      samples: of<SampleEvent>('sample'),
      warnings: of<WarningEvent>('warning'),
    }
  }
}
