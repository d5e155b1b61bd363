import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { packTree, predecessors, type TokenTree } from '../src/batch/index.ts'
import type { Model, ModelInputs } from '../src/models/index.ts'
import { type Backend, gather, logits, logprobs, openBackend, Scope, treePlan } from '../src/tensor/index.ts'

/** A recorded checkpoint of `test/parity/record/models.py`. */
export const fixtureFolder = (name: string) => fileURLToPath(new URL(`../src/models/fixtures/${name}`, import.meta.url))

/** Every backend a model is held to, for `describe.each`. */
export const backends: [name: string, open: () => Promise<Backend>][] = [
  ['reference', () => openBackend({ kind: 'reference' })],
  ['cpu', () => openBackend({ threads: 1 })],
]

export interface Golden {
  ids: number[]
  rows: number[]
  logits: number[][]
  logprobs: number[]
  base?: string
}

export const golden = (name: string): Golden => JSON.parse(readFileSync(`${fixtureFolder(name)}/golden.json`, 'utf8'))

/** A pack of plain sequences, every token but the first of each a target. */
export const packed = (...rows: number[][]): TokenTree =>
  packTree(rows.map((tokens, id) => ({ id, segments: [{ tokens, loss: tokens.map(() => 1) }] })))

export function inputsOf(scope: Scope, tree: TokenTree): ModelInputs {
  return { tokens: scope.from(tree.tokens), positions: scope.from(tree.positions), plan: treePlan(scope, tree) }
}

/** The model's log-prob of every target of the tree. */
export async function treeLogprobs(model: Model, tree: TokenTree, extra: Partial<ModelInputs> = {}): Promise<number[]> {
  using scope = new Scope(model.backend)
  const hidden = model.hidden(scope, { ...inputsOf(scope, tree), ...extra })
  const targets = scope.from(tree.targets.map((index) => tree.tokens[index]))
  const { logitSoftcap: softcap } = model
  return Array.from(await logprobs(gather(hidden, predecessors(tree)), model.head, targets, { softcap }).read(), Number)
}

/** Logits of one sequence at the given rows. */
export async function sequenceLogits(model: Model, ids: number[], rows: number[]): Promise<number[][]> {
  using scope = new Scope(model.backend)
  const hidden = gather(model.hidden(scope, inputsOf(scope, packed(ids))), Int32Array.from(rows))
  const values = Array.from(await logits(hidden, model.head, { softcap: model.logitSoftcap }).read(), Number)
  return rows.map((_, row) => values.slice(row * model.config.vocabSize, (row + 1) * model.config.vocabSize))
}

/** The largest difference between two lists of numbers; NaN or another length is infinitely far. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity
  let most = 0
  for (let i = 0; i < a.length; i++) {
    const gap = Math.abs(a[i] - b[i])
    if (!(gap <= most)) most = Number.isNaN(gap) ? Infinity : gap
  }
  return most
}
