import { z } from 'zod'
import { askFor, type ChatClient, type ChatRequest, settleAll } from '../../chat/index.ts'
import { type JudgeAbilities, type JudgeOptions, makeJudge } from './judge.ts'
import { jsonReplies, questioner, type RubricOptions } from './rubrics.ts'
import type { Judge, JudgeCallOptions, JudgedAnswer, JudgeKind } from './types.ts'

export interface EndpointJudgeOptions extends JudgeOptions, RubricOptions {
  /** The kinds that are asked; the others follow from them where they can. Default: all. */
  asks?: readonly JudgeKind[]
  /** Default: temperature 0. */
  sampling?: Pick<ChatRequest, 'temperature' | 'topP' | 'maxTokens' | 'seed' | 'logprobs' | 'sample'>
  /** A system turn before each question. */
  system?: string
}

const verdicts = { A: 'first', B: 'second', tie: 'tie' } as const

const isPermutation = (places: readonly number[], count: number) =>
  places.length === count && new Set(places).size === count && places.every((place) => place >= 1 && place <= count)

/** A judge that asks a chat endpoint with a rubric, for answers in JSON. @throws HoneError E_RUBRIC */
export function endpointJudge(client: ChatClient, options: EndpointJudgeOptions = {}): Judge {
  const { rubric, criteria, scale = { low: 1, high: 5 }, system, ...rest } = options
  const { asks = ['pointwise', 'pairwise', 'listwise'], sampling = {}, ...judgeOptions } = rest

  const question = questioner(asks, jsonReplies, { rubric, criteria })
  function ask<T>(
    kind: JudgeKind,
    about: Pick<JudgedAnswer, 'prompt' | 'reference'>,
    slots: Record<string, string | number>,
    schema: z.ZodType<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const content = question(kind, about, slots)
    const messages = [...(system === undefined ? [] : [{ role: 'system', content: system }]), { role: 'user', content }]
    const wanted = { name: kind, schema }
    return askFor(client, { messages, temperature: 0, ...sampling }, wanted, { signal }).then(({ value }) => value)
  }
  const each = <T, R>(items: readonly T[], { signal, onProgress }: JudgeCallOptions, work: (item: T) => Promise<R>) =>
    settleAll(items, work, { concurrency: client.concurrency, signal, onProgress })

  const why = z.string()
  const grade = z.strictObject({ why, score: z.int().min(scale.low).max(scale.high) })
  const choice = z.strictObject({ why, verdict: z.enum(['A', 'B', 'tie']) })
  const rankingOf = (count: number) =>
    z.strictObject({
      why,
      ranking: z
        .array(z.int())
        .refine((places) => isPermutation(places, count), `expected each number from 1 to ${count} once`),
    })
  const abilities: Record<JudgeKind, JudgeAbilities> = {
    pointwise: {
      score: (items, options) =>
        each(items, options, (item) =>
          ask('pointwise', item, { answer: item.answer, ...scale }, grade, options.signal),
        ),
    },
    pairwise: {
      prefer: (pairs, options) =>
        each(pairs, options, async (pair) => {
          const [answerA, answerB] = pair.answers
          const { why, verdict } = await ask('pairwise', pair, { answerA, answerB }, choice, options.signal)
          return { verdict: verdicts[verdict], why }
        }),
    },
    listwise: {
      order: (lists, options) =>
        each(lists, options, async (list) => {
          const { length: count } = list.answers
          const answers = list.answers
            .map((answer, i) => `<answer_${i + 1}>\n${answer}\n</answer_${i + 1}>`)
            .join('\n\n')
          const { why, ranking } = await ask('listwise', list, { answers, count }, rankingOf(count), options.signal)
          return { order: ranking.map((place) => place - 1), why }
        }),
    },
  }
  const chosen = asks.map((kind) => abilities[kind])
  return makeJudge(client.model, Object.assign({}, ...chosen), judgeOptions)
}
