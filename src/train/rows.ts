import { HoneError } from '../base/index.ts'
import { type RowInput, rowTokens } from '../batch/index.ts'
import {
  type DataSource,
  type EncodeContext,
  type EncodedDataset,
  encodeDataset,
  microBatches,
  openDataset,
  planBatches,
  type Split,
  type Statistics,
  type Survey,
} from '../data/index.ts'
import type { Objective } from '../objectives/index.ts'
import { inCompany, type RowReader } from './company.ts'
import type { TrainConfig } from './config.ts'
import type { WarningEvent } from './events.ts'
import type { TrainData } from './trainer.ts'

export interface PrepareOptions {
  data: DataSource
  config: TrainConfig
  objective: Pick<Objective, 'form' | 'needs'>
  context: Pick<EncodeContext, 'tokenizer' | 'template' | 'vocabSize'> & { maxLength: number }
  signal?: AbortSignal
  onProgress?: (line: string) => void
}

/** Rows ready for training, looked through once. */
export interface PreparedRows {
  train: TrainData
  totalSteps: number
  /** Rows held out, in micro-batches, or null. */
  evaluation: RowInput[][] | null
  /** Every row that training or evaluation will ask for, by ascending id. */
  all(): Promise<RowInput[]>
  statistics: Statistics
  warnings: WarningEvent[]
  close(): Promise<void>
}

/** Ids of held-out rows start here, so that they differ from those of the rows that are learnt. */
const evaluationIds = 2 ** 30

/**
 * Opens and surveys the data of a run.
 * @throws HoneError of the first bad row, unless `skipBad`; E_EMPTY where nothing is left
 */
export async function prepareRows(options: PrepareOptions): Promise<PreparedRows> {
  const { data, config, signal } = options
  const train = await survey(data, 'train', options)
  const held = config.evalData ?? (config.evalFraction > 0 ? data : null)
  const evaluation = held === null ? null : await survey(held, config.evalData ? 'train' : 'validation', options)
  const plan = planBatches((epoch) => train.order(epoch, config.seed), {
    batchSize: config.batchSize,
    epochs: config.epochs,
    steps: config.steps ?? undefined,
  })
  const split = (rows: RowInput[]) =>
    microBatches(rows.map(rowTokens), config.microTokens).map((places) => places.map((place) => rows[place]))
  const evaluationRows = evaluation ? await readAll(evaluation, evaluationIds, signal) : null

  return {
    totalSteps: plan.updates,
    train: {
      async update(index) {
        return { micros: split(await train.read(plan.rows(index))), epoch: plan.epochAfter(index + 1) }
      },
    },
    evaluation: evaluationRows && split(evaluationRows),
    all: async () => [...(await readAll(train, 0, signal)), ...(evaluationRows ?? [])],
    statistics: train.survey.statistics,
    warnings: describe(train.survey.statistics),
    async close() {
      await train.encoded.dataset.close()
      await evaluation?.encoded.dataset.close()
    },
  }
}

/** Rows are read with whatever the objective needs beside their own answers. */
interface Surveyed extends RowReader {
  encoded: EncodedDataset
  survey: Survey
}

async function survey(data: DataSource, split: Split, options: PrepareOptions): Promise<Surveyed> {
  const { config, objective, context, signal, onProgress } = options
  const { evalFraction, seed, skipBad, lengthPolicy, strictBorders } = config
  const dataset = await openDataset(data, {
    split,
    evalFraction: config.evalData ? 0 : evalFraction,
    seed,
    signal,
    skipBad,
    columns: config.columns,
    limit: config.limit ?? undefined,
    mixedFormats: config.mixedFormats,
  })
  try {
    const encoded = encodeDataset(dataset, {
      ...{ ...context, lengthPolicy, strictBorders, skipBad },
      form: objective.form,
      needs: objective.needs,
    })
    const found = await encoded.survey({
      signal,
      onProgress: onProgress && ((done, total) => onProgress(`reading rows ${done}/${total}`)),
    })
    const read = async (indices: readonly number[]) => (await encoded.readMany(indices)).map((row) => kept(row).input)
    const reader = await inCompany(objective.needs, { read, order: found.order })
    return { encoded, survey: found, ...reader }
  } catch (error) {
    await dataset.close()
    throw error
  }
}

async function readAll({ read, order: orderOf }: Surveyed, firstId: number, signal?: AbortSignal): Promise<RowInput[]> {
  const order = orderOf(0, null)
  const indices = [...new Set(Array.from({ length: order.length }, (_, i) => order.at(i)))].sort((a, b) => a - b)
  const rows: RowInput[] = []
  for (let first = 0; first < indices.length; first += 256) {
    signal?.throwIfAborted()
    for (const row of await read(indices.slice(first, first + 256))) rows.push({ ...row, id: row.id + firstId })
  }
  return rows
}

function kept<T>(row: T | null): T {
  if (row === null) throw new HoneError('E_CHANGED', 'the data changed while it was being trained on')
  return row
}

function describe({ truncated, dropped, bordersChanged, skipped, rows }: Statistics): WarningEvent[] {
  const warning = (code: string, count: number, message: string): WarningEvent[] =>
    count > 0 ? [{ type: 'warning', code, message, count }] : []
  return [
    ...warning('W_TRUNCATED', truncated, `${truncated} of ${rows} rows were cut to maxLength`),
    ...warning('W_DROPPED', dropped, `${dropped} rows longer than maxLength were left out`),
    ...warning(
      'W_BORDERS',
      bordersChanged,
      `${bordersChanged} of ${rows} rows have other ids when tokenised as one text`,
    ),
    ...Object.entries(skipped.counts).flatMap(([code, count]) =>
      warning('W_SKIPPED', count, `${count} bad rows were left out (${code})`),
    ),
  ]
}
