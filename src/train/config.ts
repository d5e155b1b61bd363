import { z } from 'zod'
import { type Objective, type ParameterName, type Params, parameters } from '../objectives/index.ts'
import { optimizerDefaults, optimizerKinds, scheduleDefaults, schedules } from '../tensor/index.ts'

const positive = z.number().positive()
const whole = z.int().nonnegative()
const count = z.int().positive()

/** The keys of every training, the same in a file, as key=value and in code. */
export const trainKeys = {
  seed: whole.default(0).describe('of everything that is drawn'),
  epochs: positive.default(1).describe('passes over the data'),
  steps: count.nullable().default(null).describe('updates; overrides epochs'),
  learningRate: positive.nullable().default(null).describe('peak; null takes the default of objective and adapter'),
  batchSize: count.default(16).describe('rows, pairs or groups per update'),
  microTokens: count.default(4096).describe('tokens computed at once; splits a batch, never changes the update'),
  maxLength: count.nullable().default(null).describe("longest row in tokens; null takes the model's context"),
  lengthPolicy: z.enum(['error', 'truncate', 'drop']).default('error').describe('what happens to longer rows'),
  strictBorders: z.boolean().default(false).describe('refuse rows whose ids change at the borders of the loss mask'),
  columns: z
    .record(z.string(), z.string())
    .default({})
    .describe("names of the data's columns: columns.prompt=question"),
  limit: count.nullable().default(null).describe('reads only the first so many rows'),
  mixedFormats: z.boolean().default(false).describe('allow rows of several formats in one file'),
  skipBad: z.boolean().default(false).describe('count bad rows and go on'),
  schedule: z.enum(Object.keys(schedules) as [keyof typeof schedules]).default(scheduleDefaults.kind),
  warmup: z.number().nonnegative().default(scheduleDefaults.warmup).describe('updates, or below 1 a share of the run'),
  optimizer: z.enum(optimizerKinds as [(typeof optimizerKinds)[number]]).default(optimizerDefaults.kind),
  weightDecay: z.number().nonnegative().default(0),
  momentum: z.number().nonnegative().lt(1).default(optimizerDefaults.momentum),
  beta1: z.number().nonnegative().lt(1).default(optimizerDefaults.beta1),
  beta2: z.number().nonnegative().lt(1).default(optimizerDefaults.beta2),
  eps: positive.default(optimizerDefaults.eps),
  clip: z.number().nonnegative().default(optimizerDefaults.clip).describe('largest norm of the gradient; 0: none'),
  precision: z.enum(['f32', 'bf16']).default('f32').describe('of matrix products; sums are f32'),
  checkpoint: z.boolean().default(false).describe('recompute activations in the backward pass: less memory, more time'),
  threads: count.nullable().default(null),
  evalFraction: z.number().nonnegative().lt(1).default(0).describe('share of the rows held out for evaluation'),
  evalData: z.string().nullable().default(null).describe('rows to evaluate on instead'),
  evalEvery: count.nullable().default(null).describe('updates between evaluations; null: at the end alone'),
  patience: count.nullable().default(null).describe('evaluations without a better loss before the run stops'),
  keepBest: z.boolean().default(false).describe('the result is the state of the least evaluation loss'),
  saveEvery: count.nullable().default(null).describe('updates between checkpoints'),
  saveSeconds: positive.default(600).describe('seconds after which a checkpoint is due in any case'),
  saveDtype: z.enum(['f32', 'bf16', 'f16']).nullable().default(null).describe("of the result; null: the model's own"),
  adapter: z.enum(['lora']).nullable().default(null).describe('train low-rank overlays instead of the weights'),
  rank: count.default(16).describe('of LoRA'),
  alpha: positive.default(32).describe('of LoRA: the overlay is scaled by alpha / rank'),
  dropout: z.number().nonnegative().lt(1).default(0).describe('on what LoRA reads'),
  targets: z
    .union([z.literal('all-linear'), z.array(z.string())])
    .default('all-linear')
    .describe('modules that LoRA overlays'),
  quantize: z
    .enum(['q8_0', 'nf4'])
    .nullable()
    .default(null)
    .describe('keep what LoRA lies over in 8 or 4 bits a weight (QLoRA)'),
  rsLora: z.boolean().default(false).describe('scale by alpha / √rank'),
  template: z
    .string()
    .nullable()
    .default(null)
    .describe("'chatml', 'openchat' or a Jinja file; null takes the model's own"),
} as const

const referenceKey = z
  .string()
  .default('cache')
  .describe("'cache' (the start's log-probs, computed once), 'adapter-off', or a model")

const teacherKey = z.string().describe('the model that is learnt from, of the same tokenizer')

export type TrainConfig = z.infer<z.ZodObject<typeof trainKeys>>

/** The keys of a training with one objective: those of every training, its parameters, and its other models. */
export function trainConfig<P extends Params>(objective: Objective<P>) {
  const own = Object.entries(objective.params).map(([name, value]) => {
    const { schema, about } = parameters[name as ParameterName]
    return [name, (schema as z.ZodType).default(value).describe(about)]
  })
  const reference = objective.needs.includes('reference') ? { reference: referenceKey } : {}
  const teacher = objective.needs.includes('teacher') ? { teacher: teacherKey } : {}
  const parametersOfOwn = Object.fromEntries(own) as Record<string, z.ZodType>
  return z.strictObject({ ...trainKeys, ...parametersOfOwn, ...reference, ...teacher })
}

/** Peak learning rates where none is given, by what learns: customary values for models of 1–10 B. */
export const learningRates = {
  demonstrations: { full: 2e-5, lora: 2e-4 },
  preferences: { full: 1e-6, lora: 1e-5 },
  rewards: { full: 1e-5, lora: 1e-4 },
} as const
