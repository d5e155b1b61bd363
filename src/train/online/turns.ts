import { throwIfAborted } from '../../base/index.ts'
import type { Engine } from '../../engine/index.ts'
import type { Sampling } from '../../generate/index.ts'
import type { Answer, Asked } from '../../rewards/index.ts'
import type { Tokenizer } from '../../text/index.ts'
import type { RoundPrompt } from './prompts.ts'

/** What answers a model that calls a tool: its turns end with a stop text, and what comes back is not learnt. */
export interface Tools {
  id: string
  /** Texts that end a turn. */
  stop: readonly string[]
  /** Turns of the model in an answer at most. */
  maxTurns: number
  /** Learns what came back as if the model had said it: what the mask is compared with. */
  learnt?: boolean
  /**
   * What follows a turn that ended with a stop text, or null where the answer is complete.
   * @param said all of the answer so far, what came back before included
   */
  respond(asked: Asked, said: string, options: { signal?: AbortSignal }): Promise<string | null> | string | null
}

/** An answer under way: what was said and what came back, token for token. */
interface Trajectory {
  prompt: RoundPrompt
  place: number
  sample: number
  tokens: number[]
  loss: number[]
  text: string
  finish: Answer['finish']
  ended: boolean
}

/** Far above any number of rounds: the draws of a later turn share no key with those of another round. */
const turnStride = 2 ** 20

/**
 * Answers of several turns. A tool's output enters the path as tokens without loss; what the model drew stays the tokens that it
 * drew. A turn's draws are keyed by round, turn, prompt and sample.
 *
 * @returns [prompts][n]
 */
export async function drawTurns(
  { engine, tokenizer }: { engine: Engine; tokenizer: Tokenizer },
  prompts: readonly RoundPrompt[],
  sampling: Partial<Sampling> & Pick<Sampling, 'n' | 'round' | 'maxTokens'>,
  tools: Tools,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (turn: number, open: number) => void } = {},
): Promise<Answer[][]> {
  const { n, round, maxTokens } = sampling
  const all = prompts.flatMap((prompt, place) =>
    Array.from({ length: n }, (_, sample): Trajectory => {
      return { prompt, place, sample, tokens: [], loss: [], text: '', finish: 'length', ended: false }
    }),
  )
  for (let turn = 0; turn < tools.maxTurns; turn++) {
    throwIfAborted(signal)
    const open = all.filter(({ ended, tokens }) => !ended && tokens.length < maxTokens)
    if (open.length === 0) break
    onProgress?.(turn, open.length)
    const asked = open.map(({ prompt, sample, tokens }) => ({
      tokens: [...prompt.tokens, ...tokens],
      id: prompt.index * n + sample,
    }))
    // One limit for the whole answer: a turn that reaches it is cut off below.
    const how = { ...sampling, n: 1, stop: [...tools.stop], round: round + turn * turnStride }
    for await (const drawn of engine.sample(asked, how, { signal })) {
      const one = open[drawn.prompt]
      const room = maxTokens - one.tokens.length
      const isCut = drawn.tokens.length > room
      one.tokens.push(...drawn.tokens.slice(0, room))
      one.loss.push(...drawn.tokens.slice(0, room).map(() => 1))
      one.finish = isCut ? 'length' : drawn.finish
      one.ended = isCut || drawn.finish !== 'stop'
      one.text += one.ended ? drawn.text : tokenizer.decode(drawn.tokens)
    }
    for (const one of open) if (!one.ended) await answer(one)
  }
  const answers: Answer[][] = prompts.map(() => [])
  for (const { place, sample, tokens, loss, text, finish } of all)
    answers[place][sample] = { tokens, loss, text, finish }
  return answers

  async function answer(one: Trajectory): Promise<void> {
    const { prompt, row, messages } = one.prompt
    const came = await tools.respond({ prompt, row, ...(messages && { messages }) }, one.text, { signal })
    if (came === null) {
      one.ended = true
      return
    }
    const tokens = tokenizer.encodeParts([one.text, came])[1]
    if (one.tokens.length + tokens.length >= maxTokens) {
      one.ended = true
      one.finish = 'length'
      return
    }
    one.tokens.push(...tokens)
    one.loss.push(...tokens.map(() => Number(tools.learnt ?? false)))
    one.text += came
  }
}
