import type { z } from 'zod'
import type { Form } from '../batch/index.ts'
import type { DataSource } from '../data/index.ts'
import type { Interval } from '../evaluate/index.ts'
import type { ObjectiveId } from '../objectives/index.ts'
import type { Grader } from '../rewards/index.ts'
import type { OnlineOptions, Tools, TrainOptions } from '../train/index.ts'
import type { Bench } from './bench.ts'
import type { Models } from './models.ts'

/** A training of a program: everything but where its result goes. */
export type StageOptions<I extends ObjectiveId> = Omit<TrainOptions<I>, 'out' | 'resume' | 'overwrite'> & {
  /** Names what comes before the result, so that it has a folder of its own. The result has none. */
  stage?: string
}

/** An online training of a program: everything but where its result goes. */
export type OnlineStage = Omit<OnlineOptions, 'out' | 'resume' | 'overwrite'> & { stage?: string }

/** The verbs of a program. Each gives back the folder of its model. */
export interface Verbs {
  train<I extends ObjectiveId>(objective: I, options: StageOptions<I>): Promise<string>
  /** Learns from answers of the model's own, in rounds. */
  online(method: string, options: OnlineStage): Promise<string>
  /** A model as a folder of its own, an adapter folded into its base; `config` replaces keys of its config.json. */
  merge(options: { model: string; stage?: string; config?: Readonly<Record<string, unknown>> }): Promise<string>
}

/** The form of a data set's rows; prompts have none. */
export type RecipeForm = Form | 'prompts'

/** What a program is run on. */
export interface Work<Reads extends string = string, Settings = Record<string, unknown>> extends Verbs {
  /** The model to start from. */
  model: string
  data: Readonly<Record<Reads, DataSource>>
  settings: Settings
  /** Who judges answers, for a recipe that is `judged`. */
  grader?: Grader
  /** What a recipe's model may call, where its answers have several turns. */
  tools?: Tools
}

/** What the example of a recipe's help needs besides the form of its data. */
export interface RecipeExample {
  /** Further columns of a data set's rows, by its name. */
  columns?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** Further settings, as they are typed. */
  keys?: string
}

/** One published system: a short program over the verbs, and the experiment that puts its claim to the proof. */
export interface Recipe {
  id: string
  /** The data sets that it reads, by name, and the form of their rows. A single one needs no name on the command line. */
  reads: Readonly<Record<string, RecipeForm>>
  /** Whether somebody has to judge answers: a reward of the user's own, or a reward model. */
  judged?: boolean
  /** Whether answers have several turns, with tools in between. */
  turns?: boolean
  /** Keys that a user may set, with defaults. */
  settings: z.ZodObject
  example?: RecipeExample
  /** The stages in order; gives back the folder of the result. */
  run(work: Work): Promise<string>
  proof: Proof
}

/** Keeps the types of data names and settings while a recipe is stored among others. */
export function recipe<const Reads extends string, Settings>(definition: {
  id: string
  reads: Readonly<Record<Reads, RecipeForm>>
  judged?: boolean
  turns?: boolean
  settings: z.ZodObject & z.ZodType<Settings>
  example?: RecipeExample
  run(work: Work<Reads, Settings>): Promise<string>
  proof: Proof
}): Recipe {
  return definition as unknown as Recipe
}

/** Measured numbers of one run of an arm. */
export type Figures = Readonly<Record<string, number>>

export type Settings = Readonly<Record<string, number | string | boolean>>

/** One side of the comparison. */
export interface Arm<Size> {
  /** Settings that the pilot seeds choose from, the same number for every arm; one alone needs no choice. */
  trials: readonly Settings[]
  run(bench: Bench<Size>, settings: Settings): Promise<Figures>
}

/** The smallest honest experiment that shows what a paper claims. All of it is fixed before its first recorded run. */
export interface Proof<Size = unknown> {
  /** What is to be shown, in one sentence. */
  claim: string
  /** The arm that the system is compared with. */
  baseline: string
  /** Every arm is run with the seeds 1 … seeds. */
  seeds: number
  /** Seeds on which settings are chosen: 1001, 1002, …; none where no arm has a choice. */
  pilots: number
  /** The figure whose mean over the pilot seeds chooses an arm's settings, larger being better. */
  goal: string
  /** What is smaller or other than in the paper's own experiment, for the record. */
  shrunk: string
  /** Objectives that it trains with: with the recipe's own file and its environments, what a verdict depends on. */
  objectives: readonly ObjectiveId[]
  /** What is run, and what the tests run in its place: the same program in seconds, of which no verdict is asked. */
  sizes: { full: Size; smoke: Size }
  /** Models that all arms start from, made once. */
  bases?(models: Models, size: Size): Promise<Record<string, string>>
  arms: Readonly<Record<string, Arm<Size>>>
  judge(measured: Measured): Check[]
}

/** Keeps the type of a proof's sizes while it is stored among others. */
export function proof<Size>(definition: Proof<Size>): Proof {
  return definition as unknown as Proof
}

/** What all arms gave. */
export interface Measured {
  /** One number a seed, in the order of the seeds: those of two arms are pairs. */
  of(arm: string, figure: string): number[]
}

/** One thing that has to be so, with what was measured. */
export interface Check {
  what: string
  measured: Interval
  /** The threshold that the mean has to reach. */
  wanted: { side: 'at least' | 'at most'; bound: number }
  /** The whole interval has to lie beyond this: where there would be no effect. */
  beyond?: number
  holds: boolean
  /** The mean lies where the claim counts as refuted. */
  refuted: boolean
  /** Without this the experiment cannot tell. */
  premise?: boolean
}

export type Verdict = 'holds' | 'not-shown' | 'refuted'
