import { z } from 'zod'
import { objectives, type ParameterName, parameters } from '../../objectives/index.ts'
import { trainKeys } from '../config.ts'
import type { OnlineMethod } from './types.ts'

const count = z.int().positive()

const {
  steps: _steps,
  lengthPolicy: _lengthPolicy,
  strictBorders: _strictBorders,
  columns: _columns,
  mixedFormats: _mixedFormats,
  skipBad: _skipBad,
  evalFraction: _evalFraction,
  evalData: _evalData,
  evalEvery: _evalEvery,
  patience: _patience,
  keepBest: _keepBest,
  ...learningKeys
} = trainKeys

/** The keys of every online training besides those of any training. */
export const onlineKeys = {
  ...learningKeys,
  epochs: z.number().positive().default(1).describe('passes over the rows of a round'),
  rounds: count.default(3).describe('of drawing, judging and learning'),
  promptsPerRound: count
    .nullable()
    .default(null)
    .describe('prompts of a round, in a shuffled order without repetition; null: all of them in every round'),
  stepsPerRound: count.nullable().default(null).describe('updates of a round; overrides epochs'),
  n: count.default(4).describe('answers drawn to each prompt'),
  maxTokens: count.default(128).describe('tokens of an answer at most'),
  temperature: z.number().nonnegative().default(1).describe('of the draws'),
  topK: z.int().nonnegative().default(0).describe('draw from the k likeliest tokens; 0: from all'),
  topP: z.number().positive().max(1).default(1).describe('draw from the likeliest tokens of this probability'),
  stop: z.array(z.string()).default([]).describe('texts that end an answer'),
  pairing: z
    .enum(['best-worst', 'best-random', 'best-second', 'random', 'in-twos'])
    .default('best-worst')
    .describe('which answers of a prompt become a pair; in-twos: all of them, put into twos at random'),
  accept: count
    .nullable()
    .default(null)
    .describe('answers kept for pairs by statistical rejection sampling (RSO, its K); null: all'),
  acceptTemperature: z
    .number()
    .positive()
    .default(0.5)
    .describe('of rejection sampling: the smaller, the more the score counts (RSO, its β)'),
  perPrompt: count
    .nullable()
    .default(null)
    .describe('pairs, or good answers, of a prompt that are learnt at most (plum, plum-kto, rft); null: all'),
  threshold: z
    .number()
    .nullable()
    .default(1)
    .describe('score from which an answer is good (star, raft, kto, …); null: all are'),
  tokenCost: z.number().nonnegative().default(0).describe('taken off the score for each token of an answer'),
  carry: z.int().nonnegative().default(0).describe('earlier rounds whose rows are learnt again'),
  mixtureShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('share of the reference in the mixture that the model plays against (nash-md, its β)'),
  after: z
    .string()
    .nullable()
    .default(null)
    .describe('output of an earlier run that this one goes on from: its rounds are counted on, its rows carried'),
  referenceShare: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe(
      "the reference's share of the log-probs that are compared with; the rest is the model's as a round begins",
    ),
  reference: z.string().default('start').describe("'start' (a second copy of the model), 'adapter-off', or a model"),
} as const

export type OnlineConfig = z.infer<z.ZodObject<typeof onlineKeys>>

/** The keys of an online training by one method: those of all, and its objective's parameters. */
export function onlineConfig({ objective, defaults = {} }: OnlineMethod) {
  const own = Object.entries(objectives[objective].params).map(([name, value]) => {
    const { schema, about } = parameters[name as ParameterName]
    return [name, (schema as z.ZodType).default(value).describe(about)]
  })
  const keys = { ...onlineKeys, ...(Object.fromEntries(own) as Record<string, z.ZodType>) } as Record<string, z.ZodType>
  for (const [name, value] of Object.entries(defaults)) {
    const about = keys[name].description ?? ''
    const inner = (keys[name] as z.ZodDefault).unwrap() as z.ZodType
    keys[name] = inner.default(value).describe(about)
  }
  return z.strictObject(keys as typeof onlineKeys)
}
