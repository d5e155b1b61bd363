import { z } from 'zod'
import { joinPath, platform } from '../base/index.ts'
import type { ChatAnswer } from './types.ts'

/** What is kept of an answer. */
export type KeptAnswer = Pick<ChatAnswer, 'text' | 'finish' | 'usage' | 'tokens'>

/** Answers by the hash of their request. */
export interface AnswerCache {
  read(hash: string): Promise<KeptAnswer | null>
  write(hash: string, answer: KeptAnswer): Promise<void>
  remove(hash: string): Promise<void>
}

export function memoryCache(): AnswerCache {
  const answers = new Map<string, KeptAnswer>()
  return {
    read: async (hash) => answers.get(hash) ?? null,
    write: async (hash, answer) => void answers.set(hash, answer),
    remove: async (hash) => void answers.delete(hash),
  }
}

/** Keeps nothing. */
export const noCache: AnswerCache = {
  read: async () => null,
  write: async () => {},
  remove: async () => {},
}

const FORMAT = 1
const token = z.object({ token: z.string(), logprob: z.number() })
const file = z.object({
  format: z.literal(FORMAT),
  hash: z.string(),
  text: z.string(),
  finish: z.string().nullable(),
  usage: z.object({ promptTokens: z.number(), completionTokens: z.number(), isEstimated: z.boolean() }),
  tokens: z.array(token.extend({ top: z.array(token) })).nullable(),
})

/**
 * A folder with a file for each answer, named by its hash. What is damaged, of another format or under a wrong name counts as
 * missing: it can be asked for again. Processes may share it: a file is whole or not there.
 */
export function folderCache(folder: string): AnswerCache {
  const pathOf = (hash: string) => joinPath(folder, hash.slice(0, 2), `${hash}.json`)
  return {
    async read(hash) {
      const path = pathOf(hash)
      if ((await platform().stat(path))?.kind !== 'file') return null
      let value: unknown
      try {
        value = JSON.parse(await platform().readText(path))
      } catch (error) {
        if (error instanceof SyntaxError) return null
        throw error
      }
      const found = file.safeParse(value)
      if (!found.success || found.data.hash !== hash) return null
      const { text, finish, usage, tokens } = found.data
      return { text, finish, usage, tokens }
    },
    async write(hash, { text, finish, usage, tokens }) {
      await platform().makeFolder(joinPath(folder, hash.slice(0, 2)))
      const content = JSON.stringify({ format: FORMAT, hash, text, finish, usage, tokens })
      await platform().writeAtomic(pathOf(hash), `${content}\n`)
    },
    remove: (hash) => platform().remove(pathOf(hash)),
  }
}
