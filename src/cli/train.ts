import { z } from 'zod'
import { formatCount, formatDuration, formatNumber, platform } from '../base/index.ts'
import { exampleRows } from '../data/index.ts'
import { type Objective, type ObjectiveId, objectives } from '../objectives/index.ts'
import { advanceProgress, type Progress, progressLine, startProgress } from '../report/index.ts'
import {
  type RoundEvent,
  type TrainEvent,
  type TrainHooks,
  type TrainResult,
  train,
  trainConfig,
} from '../train/index.ts'
import type { Terminal } from './terminal.ts'
import { type Json, type Outcome, type Verb, verb } from './verb.ts'
import type { VerbEntry } from './verbs.ts'

/** What a training needs beside its keys. */
export const trainingKeys = {
  model: z.string().describe('a folder, a hub id owner/name, or tiny'),
  data: z.union([z.string(), z.array(z.string())]).describe('a file, a folder or a hub id; may be given several times'),
  out: z.string().describe("folder for the result and the run's own files"),
  resume: z.boolean().default(false).describe('go on where an earlier run of this folder stopped'),
  overwrite: z.boolean().default(false).describe('replace an earlier run of this folder'),
} as const

/** `hone train <id>` for every objective. */
export const trainVerbs: readonly VerbEntry[] = Object.values(objectives).map((objective) => ({
  name: `train ${objective.id}`,
  summary: objective.summary,
  load: async () => trainVerb(objective),
}))

function trainVerb(objective: Objective): Verb {
  const { form, needs, summary, params } = objective
  const id = objective.id as ObjectiveId
  const file = `${form}.jsonl`
  const models = ['reference', 'teacher'].filter((need) => (needs as readonly string[]).includes(need))
  const rows = exampleRows(form, needs).map((row) => JSON.stringify(row))
  return verb({
    summary: `${summary} Reads ${form}.`,
    options: trainConfig(objective).extend(trainingKeys),
    main: [...mainKeys, ...models, ...Object.keys(params)] as unknown as typeof mainKeys,
    placeholders: {
      model: 'MODEL',
      data: 'FILE',
      out: 'DIR',
      ...Object.fromEntries(models.map((key) => [key, 'MODEL'])),
    },
    example: [
      ...rows.map((row, i) => `echo '${row}' ${i === 0 ? '>' : '>>'} ${file}`),
      `hone train ${id} --model tiny --data ${file} --out runs/${id}${needs.includes('teacher') ? ' --teacher tiny' : ''} epochs=5`,
    ],
    run: (options, terminal) => follow(id, options, (hooks) => train(id, options as never, hooks), terminal),
  })
}

const mainKeys = ['model', 'data', 'out', 'adapter', 'resume', 'overwrite', 'seed'] as const

export interface Length {
  steps?: number | null
  epochs: number
}

/** Runs a training with its progress on stderr and its result on stdout. */
export async function follow(
  kind: string,
  options: Length,
  work: (hooks: TrainHooks) => Promise<TrainResult>,
  terminal: Terminal,
): Promise<Outcome> {
  const { signal } = terminal
  signal.addEventListener('abort', () => terminal.warn('stopping after a checkpoint; Ctrl-C again stops at once'), {
    once: true,
  })
  const onEvent = showEvents(kind, options, terminal)
  const result = await work({ signal, onEvent, onProgress: terminal.status })
  terminal.status('')
  const { run, steps, loss, tokens, seconds, tokensPerSecond, out, interrupted, alreadyFinished } = result
  if (interrupted) {
    terminal.warn(`stopped after update ${steps}; the same command with --resume goes on from there`)
  } else if (alreadyFinished) terminal.note(`${out} had already ended: nothing was done`)
  const speed = `${formatCount(tokensPerSecond)} tokens/s`
  terminal.print(`${steps} updates, loss ${formatNumber(loss)}, ${formatDuration(seconds)}, ${speed}`)
  if (!interrupted) terminal.print(out)
  const document: Json = { run, steps, loss, tokens, seconds, tokens_per_second: tokensPerSecond, out, interrupted }
  return { document, exitCode: interrupted ? 130 : 0 }
}

/** What a round of answers gave. */
function roundLine({ round, prompts, samples, rows, seconds, metrics: { score, bestScore, length } }: RoundEvent) {
  const judged =
    score === undefined ? '' : `, score ${formatNumber(score)} (best of a prompt ${formatNumber(bestScore)})`
  const drawn = `${samples} answers to ${prompts} prompts, ${formatNumber(length)} tokens each`
  return `round ${round}: ${drawn}${judged}; ${rows} rows to learn from, ${formatDuration(seconds)}`
}

/** The line of progress after each event; warnings are said at once. */
export function showEvents(kind: string, { steps, epochs }: Length, terminal: Terminal): (event: TrainEvent) => void {
  let progress: Progress | null = null
  let begun = platform().elapsed()
  return (event) => {
    const now = platform().elapsed()
    if (event.type === 'warning') {
      terminal.warn(`warning: ${event.message}`)
      return
    }
    if (event.type === 'round') terminal.print(roundLine(event))
    if (event.type === 'step' && !progress) {
      begun = now - event.seconds
      const total = steps ?? Math.ceil((event.step * epochs) / event.epoch - 1e-6)
      progress = startProgress(kind, Math.max(total, event.step), event.step - 1)
    }
    if (!progress) return
    progress = advanceProgress(progress, event, now - begun)
    terminal.status(progressLine(progress, terminal.columns === null ? 120 : terminal.columns - 1))
  }
}
