import { HoneError } from '../../base/index.ts'
import { parseConfig } from '../../base/schema.ts'
import type { DataSource } from '../../data/index.ts'
import type { OpenModel } from '../../engine/index.ts'
import { requireOneVocabulary } from '../../generate/index.ts'
import { type Objective, objectives } from '../../objectives/index.ts'
import type { Comparer, Grader } from '../../rewards/index.ts'
import { type Lessons, runTraining, type TrainHooks, type TrainResult, type TrainTarget } from '../run.ts'
import { openBeside, ownParams } from '../train.ts'
import { type OnlineConfig, onlineConfig } from './config.ts'
import { type Anchor, onlineData, roundOf } from './data.ts'
import { onlineMethods } from './methods.ts'
import { readPrompts } from './prompts.ts'
import type { Tools } from './turns.ts'
import type { OnlineMethod } from './types.ts'

/** The keys of an online training (`hone online METHOD --help` lists them), its prompts, and who judges the answers. */
export type OnlineOptions = Omit<TrainTarget, 'data'> & {
  /** Prompts, or demonstrations where the method imitates them. */
  data: DataSource
  /** Scores answers or, for methods that learn from pairs, compares them in a tournament. */
  grader?: Grader | Comparer
  /** Answers a model that calls tools; without, an answer is one turn. */
  tools?: Tools
} & Partial<OnlineConfig> &
  Readonly<Record<string, unknown>>

/**
 * Tunes a model on answers of its own, in rounds: it answers prompts, the answers are judged, what follows is learnt, and
 * the next round begins with the model that came of it. A run that was stopped goes on inside its round with the same bits.
 *
 * @param id of `onlineMethods`
 * @throws HoneError for anything wrong with the input, before the output folder is touched; E_SCORE
 */
export async function online(id: string, options: OnlineOptions, hooks: TrainHooks = {}): Promise<TrainResult> {
  const method = onlineMethods[id]
  if (!method) {
    throw new HoneError('E_CONFIG', `there is no online method ${id}`, {
      help: `There are: ${Object.keys(onlineMethods).join(', ')}.`,
    })
  }
  const { model, data, out, resume, overwrite, grader, tools, ...keys } = options
  const config = parseConfig(onlineConfig(method), keys, { what: `online ${id}` }) as OnlineConfig
  requireGrader(method, grader)
  requireReference(config)
  const objective = objectives[method.objective]
  return runTraining({
    target: { model, data, out, resume, overwrite },
    kind: `online-${id}`,
    config,
    hooks,
    objective,
    params: ownParams(objective, config),
    record: { ...(grader && { grader: grader.id }), ...(tools && { tools: tools.id }) },
    lessons: (opened, { maxLength, runFolder }) =>
      openLessons(opened, {
        method,
        objective,
        config,
        hooks,
        ...{ model, data, grader: grader ?? null, tools: tools ?? null, maxLength },
        runFolder,
      }),
  })
}

interface Opening {
  method: OnlineMethod
  objective: Objective
  config: OnlineConfig
  hooks: TrainHooks
  model: string
  data: DataSource
  grader: Grader | Comparer | null
  tools: Tools | null
  maxLength: number
  runFolder: string
}

async function openLessons(opened: OpenModel, opening: Opening): Promise<Lessons> {
  const { method, objective, config, hooks, data, maxLength, grader, tools, runFolder } = opening
  const { maxTokens, limit } = config
  const asking = { data, reads: method.reads, maxLength, maxTokens, limit, signal: hooks.signal }
  const prompts = await readPrompts(opened, asking)
  const compares = objective.needs.includes('reference')
  const asks = (compares && config.referenceShare > 0) || method.opponent?.from === 'mixture'
  const anchor = asks ? await openAnchor(opened, opening) : null
  const rows = onlineData({
    ...{ engine: opened.engine, tokenizer: opened.tokenizer, method, form: objective.form, config, grader, tools },
    ...{ prompts, anchor, compares, runFolder, mismatched: objective.needs.includes('mismatched') },
    earlier: config.after === null ? null : await roundOf(config.after),
    onProgress: hooks.onProgress,
  })
  return {
    data: rows.data,
    totalSteps: rows.totalSteps,
    reference: compares ? rows.reference : undefined,
    warnings: [],
    close: async () => anchor?.close?.(),
  }
}

/**
 * The model that stays as it is. A fresh adapter's base is the start itself, and needs no second copy.
 * @throws HoneError E_TOKENIZER_MISMATCH; E_MIXTURE
 */
async function openAnchor(
  opened: OpenModel,
  { method, config, model, hooks }: Opening,
): Promise<Anchor & { close?: () => Promise<void> }> {
  const isFreshAdapter = config.adapter !== null && opened.folder === opened.base
  if (config.reference === 'adapter-off' || (config.reference === 'start' && isFreshAdapter)) {
    return { engine: opened.engine, adapter: false }
  }
  const name = config.reference === 'start' ? model : config.reference
  const { signal, onProgress } = hooks
  const anchor = await openBeside(opened, name, config, { signal, onProgress })
  try {
    if (method.opponent?.from === 'mixture') requireOneVocabulary(opened.engine.config, anchor.engine.config)
    return anchor
  } catch (error) {
    await anchor.close()
    throw error
  }
}

/** @throws HoneError E_CONFIG */
function requireGrader({ id, judged, duels }: OnlineMethod, grader: Grader | Comparer | undefined): void {
  if (grader && 'compare' in grader && !duels) {
    throw new HoneError('E_CONFIG', `online ${id} learns from scores, and ${grader.id} only compares answers`)
  }
  if (judged === (grader !== undefined)) return
  const message = judged ? 'asks for somebody who judges the answers' : 'learns without a judge, and one was given'
  throw new HoneError('E_CONFIG', `online ${id} ${message}`, judged ? { help: 'Give a reward.' } : {})
}

/** @throws HoneError E_CONFIG where there is no adapter to take off */
function requireReference({ reference, adapter }: OnlineConfig): void {
  if (adapter || reference !== 'adapter-off') return
  throw new HoneError('E_CONFIG', "reference is 'adapter-off' and there is no adapter", {
    help: 'Train one with adapter=lora, or take reference=start.',
  })
}
