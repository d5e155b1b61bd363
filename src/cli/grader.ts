import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { HoneError, isAbsolute, joinPath, platform } from '../base/index.ts'
import { functionGrader, type Grader, type RewardFunction } from '../rewards/index.ts'

export const rewardKey = z
  .string()
  .describe('who judges answers: a file whose default export is (prompt, answer, row) => number')

export const rewardExample = [
  `echo 'export default (prompt: string, answer: string) => answer.split("happy").length - 1' > happy.ts`,
]

/**
 * Whoever `--reward` names.
 * @throws HoneError E_NOT_FOUND, E_REWARD for a file that exports no function
 */
export async function openGrader(reward: string): Promise<Grader> {
  const path = isAbsolute(reward) ? reward : joinPath(platform().workingFolder(), reward)
  if ((await platform().stat(path))?.kind !== 'file') {
    throw new HoneError('E_NOT_FOUND', `there is no file ${reward}, expected one that exports a reward`, {
      help: 'Its default export is a function (prompt, answer, row) => number.',
    })
  }
  return functionGrader(reward, await rewardFunction(path, reward))
}

async function rewardFunction(path: string, name: string): Promise<RewardFunction> {
  let loaded: { default?: unknown }
  try {
    loaded = (await import(pathToFileURL(path).href)) as { default?: unknown }
  } catch (error) {
    throw new HoneError('E_REWARD', `${name} cannot be loaded: ${(error as Error).message}`, { cause: error })
  }
  if (typeof loaded.default === 'function') return loaded.default as RewardFunction
  throw new HoneError('E_REWARD', `${name} has no default export that is a function`, {
    help: 'Write: export default (prompt: string, answer: string) => answer.length',
  })
}
