import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { HoneError, isAbsolute, joinPath, platform } from '../base/index.ts'
import {
  functionGrader,
  type Grader,
  type RewardFunction,
  type Verifier,
  type VerifierLike,
  verifier,
} from '../rewards/index.ts'
import type { Tools } from '../train/index.ts'

export const toolsKey = z
  .string()
  .optional()
  .describe('what answers a model that calls tools: a file whose default export is { stop, maxTurns, respond }')

export const rewardExample = [
  `echo 'export default (prompt: string, answer: string) => answer.split("happy").length - 1' > happy.ts`,
]

/** Whether a reward is a program of the user's own, and not a model. */
export const isProgram = (name: string): boolean => /\.[mc]?[jt]s$/.test(name)

/**
 * A reward of the user's own: the default export of a file.
 * @throws HoneError E_NOT_FOUND, E_REWARD for a file that exports no function
 */
export async function openProgram(name: string): Promise<Grader> {
  const reward = await defaultOf(name, 'E_REWARD', 'a reward')
  if (typeof reward === 'function') return functionGrader(name, reward as RewardFunction)
  throw new HoneError('E_REWARD', `${name} has no default export that is a function`, {
    help: 'Write: export default (prompt: string, answer: string) => answer.length',
  })
}

/**
 * A verifier by its name, or of the user's own: the default export of a file. Where that one says no more than a score, an answer
 * is right with a score of 1.
 * @throws HoneError E_NOT_FOUND, E_VERIFIER for a name that is not known or a file that exports something else
 */
export async function openVerifier(name: string): Promise<Verifier> {
  if (!isProgram(name)) return verifier(name)
  const own = (await defaultOf(name, 'E_VERIFIER', 'a verifier')) as Partial<VerifierLike> | undefined
  if (typeof own?.verify !== 'function') {
    throw new HoneError('E_VERIFIER', `${name} has no default export with a function verify`, {
      help: 'Write: export default { verify: ({ prompt, answer, reference }) => ({ score: Number(answer === reference) }) }',
    })
  }
  const { verify } = own as VerifierLike
  return {
    id: own.id ?? name,
    about: `the default export of ${name}`,
    takes: 'what that one takes',
    async verify({ prompt = '', ...attempt }, options = {}) {
      const verdict = await verify.call(own, { prompt, ...attempt }, options)
      return { correct: verdict.score === 1, why: `a score of ${verdict.score}`, ...verdict }
    },
  }
}

/**
 * What `--tools` names.
 * @throws HoneError E_NOT_FOUND, E_TOOLS for a file that exports something else
 */
export async function openTools(name: string): Promise<Tools> {
  const loaded = toolsSchema.safeParse(await defaultOf(name, 'E_TOOLS', 'tools'))
  if (loaded.success) return { id: name, ...loaded.data } as Tools
  const { path, message } = loaded.error.issues[0]
  throw new HoneError('E_TOOLS', `the default export of ${name} is no tools: ${path.join('.') || 'it'}: ${message}`, {
    help: "Write: export default { stop: ['='], maxTurns: 4, respond: (asked, said) => '2;' }",
  })
}

const toolsSchema = z.object({
  stop: z.array(z.string().min(1)).min(1),
  maxTurns: z.int().positive(),
  respond: z.custom<Tools['respond']>((value) => typeof value === 'function', 'expected a function'),
})

/** The default export of a file of the user's own, by its path from the working folder. */
export async function defaultOf(name: string, code: `E_${string}`, what: string): Promise<unknown> {
  const path = isAbsolute(name) ? name : joinPath(platform().workingFolder(), name)
  if ((await platform().stat(path))?.kind !== 'file') {
    throw new HoneError('E_NOT_FOUND', `there is no file ${name}, expected one that exports ${what}`, {
      help: 'Give its path from the folder where you are, for example ./mine.ts.',
    })
  }
  try {
    return ((await import(pathToFileURL(path).href)) as { default?: unknown }).default
  } catch (error) {
    throw new HoneError(code, `${name} cannot be loaded: ${(error as Error).message}`, { cause: error })
  }
}
