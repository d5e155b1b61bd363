import { z } from 'zod'
import { HoneError, parseConfig } from '../base/index.ts'
import { type Comparer, type Grader, judgeComparer, judgeGrader } from '../rewards/index.ts'
import { readConfigFile } from './config-file.ts'
import { type JudgeKeys, judgeKeys, openJudge } from './judge-open.ts'
import type { Terminal } from './terminal.ts'

/** The keys that say who judges the answers of a model: a reward by its name, or any judge by a file of its keys. */
export const graderKeys = {
  reward: z
    .array(z.string())
    .optional()
    .describe('a file whose default export is (prompt, answer, row) => number, or reward models'),
  judge: z
    .string()
    .optional()
    .describe('a YAML file with keys of `hone judge`: endpoint and model, local, verifier, …'),
} as const

export type GraderKeys = z.output<z.ZodObject<typeof graderKeys>>

export const rewardExample = [
  `echo 'export default (prompt: string, answer: string) => answer.split("happy").length - 1' > happy.ts`,
]

/** Whoever judges, for scores of answers and for comparisons of two. */
export interface OpenedGrader extends AsyncDisposable {
  grader: Grader
  comparer: Comparer
}

/**
 * Whoever is named.
 * @param what the verb that asks
 * @throws HoneError E_USAGE unless that is exactly one of the two, and what opening a judge throws
 */
export async function openGrader(
  { reward, judge }: GraderKeys,
  what: string,
  terminal: Terminal,
): Promise<OpenedGrader> {
  if ((reward === undefined) === (judge === undefined)) {
    const got = reward ? '--reward and --judge' : 'neither --reward nor --judge'
    throw new HoneError('E_USAGE', `${what} got ${got}, expected one of them`, {
      help: `Example: ${what} --model tiny --data prompts.jsonl --out runs/mine --reward ./happy.ts`,
    })
  }
  const given = judge === undefined ? { reward } : await readConfigFile(judge)
  const keys = parseConfig(z.strictObject(judgeKeys), given, { what: judge ?? '--reward' }) as JudgeKeys
  const opened = await openJudge(keys, terminal)
  return {
    grader: judgeGrader(opened.judge),
    comparer: judgeComparer(opened.judge),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  }
}
