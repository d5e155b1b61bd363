import { openModel } from '../engine/index.ts'
import { promptTokens, score } from '../evaluate/index.ts'
import type { Completion, Sampling } from '../generate/index.ts'

/** The completions of plain prompts, in their order. */
export async function answers(
  model: string,
  prompts: readonly string[],
  sampling: Partial<Sampling>,
): Promise<Completion[]> {
  await using opened = await openModel(model)
  const asked = prompts.map((prompt) => ({ tokens: promptTokens(opened, { prompt }) }))
  const drawn: Completion[] = []
  for await (const completion of opened.engine.sample(asked, sampling)) drawn[completion.prompt] = completion
  return drawn
}

/** The log-prob in nats of each completion after its prompt, summed over its tokens. */
export async function logprobsOf(
  model: string,
  rows: readonly { prompt: string; completion: string }[],
): Promise<{ sum: number; tokens: number }[]> {
  await using opened = await openModel(model)
  const named = rows.map((row, i) => ({ kind: 'completion' as const, ...row, source: { file: 'rows', line: i + 1 } }))
  return (await score(opened, named)).rows.map(({ sum, n }) => ({ sum, tokens: n }))
}

export const share = (hits: readonly boolean[]): number => hits.filter(Boolean).length / hits.length
