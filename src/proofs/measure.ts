import { packTree } from '../batch/index.ts'
import { encodeRow, type Row } from '../data/index.ts'
import { openModel } from '../engine/index.ts'
import { forwardRows, mean, promptTokens, score } from '../evaluate/index.ts'
import type { Completion, Sampling } from '../generate/index.ts'
import type { Answer } from '../rewards/index.ts'
import { drawTurns, type Tools } from '../train/index.ts'

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

/** The answers of plain prompts by a model that may call tools, one each, in their order. */
export async function trajectories(
  model: string,
  prompts: readonly string[],
  tools: Tools,
  { seed, maxTokens }: Pick<Sampling, 'seed' | 'maxTokens'>,
): Promise<Answer[]> {
  await using opened = await openModel(model)
  const asked = prompts.map((prompt, index) => {
    return { index, prompt, row: prompt, tokens: promptTokens(opened, { prompt }), demonstration: null }
  })
  const drawn = await drawTurns(opened, asked, { n: 1, round: 0, seed, maxTokens }, tools)
  return drawn.map(([answer]) => answer)
}

/** The log-prob in nats of each piece of text after what stands before it, summed over its tokens; no end token counts. */
export async function insideLogprobs(
  model: string,
  rows: readonly { before: string; piece: string }[],
): Promise<number[]> {
  await using opened = await openModel(model)
  const inputs = rows.map(({ before, piece }, id) => {
    const tokens = opened.tokenizer.encodeParts([before, piece])[1]
    return {
      id,
      segments: [
        { tokens: promptTokens(opened, { prompt: before }) },
        { tokens, loss: tokens.map(() => 1), parent: 0 },
      ],
    }
  })
  const sums: number[] = []
  for await (const { logprobs } of forwardRows(opened.engine, inputs)) sums.push(logprobs.reduce((a, b) => a + b, 0))
  return sums
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

/**
 * The mean log-prob in nats of the tokens of each demonstration that a training would learn, the end token among them, with
 * the model's own tokenizer and template; null for one that is longer than its context.
 */
export async function meanLogprobs(model: string, rows: readonly Row[]): Promise<(number | null)[]> {
  await using opened = await openModel(model)
  const { tokenizer, template, engine } = opened
  const { contextLength: maxLength, vocabSize } = engine.config
  const context = { tokenizer, template, maxLength, vocabSize, lengthPolicy: 'drop' } as const
  const encoded = rows.map((row, id) => encodeRow(row, context, id)?.input ?? null)
  const fitting = encoded.filter((input) => input !== null)
  const means: (number | null)[] = rows.map(() => null)
  for await (const { row, logprobs } of forwardRows(engine, fitting)) means[row.id] = mean([...logprobs])
  return means
}

/** The share of the completions' tokens that are the likeliest after the right ones before them. */
export async function tokenAccuracy(
  model: string,
  rows: readonly { prompt: string; completion: string }[],
): Promise<number> {
  await using opened = await openModel(model)
  const { tokenizer, template, engine } = opened
  const { contextLength: maxLength, vocabSize } = engine.config
  const hits: boolean[] = []
  for (const [i, row] of rows.entries()) {
    const given = { kind: 'completion' as const, ...row, source: { file: 'rows', line: i + 1 } }
    const encoded = encodeRow(given, { tokenizer, template, maxLength, vocabSize })
    if (!encoded) continue
    const tree = packTree([encoded.input])
    const { topk } = await engine.forward(tree, { topk: 1 })
    for (const [t, target] of tree.targets.entries()) hits.push(topk?.tokens[t] === tree.tokens[target])
  }
  return share(hits)
}

export const share = (hits: readonly boolean[]): number => hits.filter(Boolean).length / hits.length
