import { HoneError, joinPath, platform, random } from '../../base/index.ts'
import { type RowInput, rowTokens } from '../../batch/index.ts'
import { microBatches, planBatches } from '../../data/index.ts'
import { runPaths } from '../../runs/index.ts'
import type { TrainEvent, WarningEvent } from '../events.ts'
import { joinFloats, type ReadReferenceOptions, readReference } from '../reference.ts'
import type { ReferenceReader, TrainData } from '../trainer.ts'
import type { RoundPrompt } from './prompts.ts'
import { drawRound, type NewRow, type RoundOptions } from './round.ts'

export interface OnlineDataOptions extends RoundOptions {
  prompts: readonly RoundPrompt[]
  /** Whether the objective compares with a reference. */
  compares: boolean
  /** The run's own folder: holds what the latest round is learnt from, and the start, for methods that restart. */
  runFolder: string
  /** The last round of the run that this one carries on. */
  earlier: Round | null
}

/** Gives the log-probs of the fixed part of the reference. */
export type Anchor = Pick<ReadReferenceOptions, 'engine' | 'adapter'>

/** What a round is learnt from; kept in the checkpoint, since the model that drew it is gone after its first update. */
export interface Round {
  round: number
  /** Updates done before it. */
  first: number
  /** Rows of this round, after those that are carried on from earlier ones. */
  rows: RowInput[]
  /** How many rows each of the rounds in `rows` has, the oldest first. */
  sizes: number[]
  /** [rows] log-probs of the reference, where the objective compares with one. */
  reference: Float32Array[] | null
}

/**
 * Rows that the model itself makes, round by round: before the first update of a round it answers prompts, the answers are
 * judged, and what follows from that is learnt in a fixed number of updates.
 */
export function onlineData(options: OnlineDataOptions) {
  const { engine, config, prompts, runFolder, earlier } = options
  const begun = earlier ? earlier.round + 1 : 0
  const { rounds, batchSize, seed, carry } = config
  const promptsPerRound = Math.min(config.promptsPerRound ?? prompts.length, prompts.length)
  const stepsPerRound = config.stepsPerRound ?? Math.max(1, Math.ceil((promptsPerRound * config.epochs) / batchSize))
  const asked = planBatches((epoch) => shuffle(prompts.length, 'online/prompts', epoch), {
    batchSize: promptsPerRound,
    steps: begun + rounds,
  })
  // Its updates are over before the first of this run.
  const before = earlier && { ...earlier, first: -stepsPerRound }
  let current: Round | null = before

  function shuffle(n: number, stream: string, epoch: number, lane = 0) {
    const places = random(seed, stream).permutation(n, epoch, lane)
    return { length: n, at: (i: number) => places[i] }
  }

  /** The numbers go on over rounds, so that no two rows of a run share the draws of their dropout. */
  function numbered(rows: readonly NewRow[], earlier: Round | null): RowInput[] {
    const first = (earlier?.rows.at(-1)?.id ?? -1) + 1
    return rows.map((row, i) => ({ ...row, id: first + i }))
  }

  /** Draws a round. One of which nothing is to be learnt is over at once, and leaves earlier rows as they are. */
  async function begin(round: number, step: number, signal?: AbortSignal): Promise<TrainEvent[]> {
    const chosen = asked.rows(round).map((place) => prompts[place])
    const { rows, events } = await drawRound(round, step, chosen, { ...options, signal })
    if (rows.length === 0) {
      const kept = current ?? { rows: [], sizes: [], reference: null }
      await become({ ...kept, round, first: step - stepsPerRound })
      return [...events, nothingLearnt(round, chosen.length)]
    }
    if (options.method.restarts) await restart(round)
    const sizes = [...(current?.sizes ?? []), rows.length].slice(-1 - carry)
    const kept = sizes.slice(0, -1).reduce((sum, size) => sum + size, 0)
    const carried = current && kept > 0 ? current.rows.slice(-kept) : []
    const all = [...carried, ...numbered(rows, current)]
    const reference = options.compares ? await compareWith(all, signal) : null
    await become({ round, first: step, rows: all, sizes, reference })
    return events
  }

  async function become(round: Round): Promise<void> {
    current = round
    await writeRound(joinPath(runFolder, fileName), round)
  }

  const isOver = (index: number) => current === null || index >= current.first + stepsPerRound

  async function restart(round: number): Promise<void> {
    const folder = joinPath(runFolder, 'start')
    if (round > begun && (await platform().stat(folder))) return engine.load(folder)
    await platform().remove(folder)
    await platform().makeFolder(folder)
    await engine.save(folder)
  }

  /** Log-probs of the rows: the anchor's by its share, the rest of the model as it stands. */
  async function compareWith(rows: readonly RowInput[], signal?: AbortSignal): Promise<Float32Array[]> {
    const share = config.referenceShare
    const { microTokens } = config
    const { anchor } = options
    const fixed = anchor && share > 0 ? await readReference(rows, { ...anchor, microTokens, signal }) : null
    const moving = fixed && share === 1 ? null : await readReference(rows, { engine, microTokens, signal })
    if (!fixed || !moving) return (fixed ?? moving) as Float32Array[]
    return fixed.map((values, i) => values.map((value, k) => share * value + (1 - share) * moving[i][k]))
  }

  const here = (): Round => {
    if (!current) throw new HoneError('E_ROUND', 'an update is asked for before its round was drawn')
    return current
  }

  const data: TrainData = {
    async update(index) {
      if (isOver(index)) return null
      const { round, first, rows } = here()
      const plan = planBatches((epoch) => shuffle(rows.length, 'online/rows', epoch, round), {
        batchSize,
        steps: stepsPerRound,
      })
      const batch = plan.rows(index - first).map((place) => rows[place])
      const micros = microBatches(batch.map(rowTokens), config.microTokens)
      const epoch = round + (index - first + 1) / stepsPerRound
      return { micros: micros.map((places) => places.map((place) => batch[place])), epoch }
    },
    async prepare(index, { signal }) {
      const events: TrainEvent[] = []
      while (isOver(index) && (current?.round ?? -1) < begun + rounds - 1) {
        events.push(...(await begin((current?.round ?? -1) + 1, index, signal)))
      }
      return events
    },
    async save(folder) {
      if (current) await writeRound(joinPath(folder, fileName), current)
    },
    async load(folder) {
      current = (await readRound(joinPath(folder, fileName))) ?? before
    },
  }

  const reference: ReferenceReader = async (rows) => {
    const { rows: all, reference: values } = here()
    const least = all[0].id
    return joinFloats(rows.map(({ id }) => values?.[id - least] ?? new Float32Array()))
  }

  return { data, reference, totalSteps: rounds * stepsPerRound, promptsPerRound, stepsPerRound }
}

const nothingLearnt = (round: number, prompts: number): WarningEvent => ({
  type: 'warning',
  code: 'W_ROUND_EMPTY',
  message: `round ${round + 1}: nothing is to be learnt of the answers to any of ${prompts} prompts. All answers to a prompt got the same score, or none was good enough: draw more (n), at a higher temperature, or take another reward`,
})

const fileName = 'round.json'

/**
 * The last round of an earlier run, with its rows.
 * @throws HoneError E_NOT_FOUND
 */
export async function roundOf(out: string): Promise<Round> {
  const found = await readRound(joinPath(runPaths(out).folder, fileName))
  if (found) return found
  throw new HoneError('E_NOT_FOUND', `${out} holds no round, expected the output of an online training`, {
    help: 'after names the folder of a run of `hone online`.',
  })
}

const writeRound = (path: string, round: Round) => platform().writeAtomic(path, JSON.stringify(writable(round)))

async function readRound(path: string): Promise<Round | null> {
  if (!(await platform().stat(path))) return null
  return readable(JSON.parse(await platform().readText(path)) as Written)
}

type Written = Omit<Round, 'reference'> & { reference: number[][] | null }

/** Floats of 32 bits survive JSON: every one of them is a number that JavaScript writes and reads exactly. */
function writable({ reference, rows, ...rest }: Round): Written {
  const plain = rows.map(({ segments, ...row }) => ({
    ...row,
    segments: segments.map(({ tokens, loss, ...segment }) => ({
      ...segment,
      tokens: Array.from(tokens),
      ...(loss && { loss: Array.from(loss) }),
    })),
  }))
  return { ...rest, rows: plain, reference: reference?.map((values) => Array.from(values)) ?? null }
}

const readable = ({ reference, ...rest }: Written): Round => ({
  ...rest,
  reference: reference?.map((values) => Float32Array.from(values)) ?? null,
})
