import { HoneError, random } from '../base/index.ts'
import { type HiddenMix, packTree, type RowInput, type TokenTree } from '../batch/index.ts'
import type { Engine, Readout } from '../engine/index.ts'
import type { Need, Objective, Params } from '../objectives/index.ts'

/** Gives a teacher's `count` most probable tokens at each target of a micro-batch. */
export type TeacherReader = (rows: readonly RowInput[], count: number) => Promise<TokenTree['candidates']>

export interface Preparation<P extends Params> {
  engine: Engine
  objective: Pick<Objective<P>, 'id' | 'needs'>
  params: P
  seed: number
  teacher?: TeacherReader
}

/** What an engine must be able to read for each need. */
const READOUTS: Partial<Record<Need, Readout[]>> = {
  teacher: ['logprobsOf'],
  guesses: ['topk', 'inputMix'],
  partner: ['hiddenMix'],
}

/**
 * Makes the packer of an objective's micro-batches: rows become a tree, with whatever the objective asks of it beside its
 * targets. Draws are keyed by step and row.
 * @throws HoneError E_READOUT for an engine that cannot read what the objective needs
 */
export function openPacker<P extends Params>({ engine, objective, params, seed, teacher }: Preparation<P>) {
  const { id, needs } = objective
  const lacking = needs.flatMap((need) => READOUTS[need] ?? []).filter((readout) => !engine.readouts.has(readout))
  if (lacking.length > 0) {
    throw new HoneError(
      'E_READOUT',
      `objective '${id}' needs ${lacking.join(' and ')}, which this engine does not read`,
      {
        help: `It reads: ${[...engine.readouts].join(', ')}.`,
      },
    )
  }
  const draws = random(seed, 'mixup')
  return async (rows: readonly RowInput[], step: number, signal?: AbortSignal): Promise<TokenTree> => {
    const tree = packTree(rows)
    if (needs.includes('teacher')) {
      if (!teacher) throw new HoneError('E_REFERENCE', `objective '${id}' needs a teacher and got none`)
      return { ...tree, candidates: await teacher(rows, Number(params['topK'])) }
    }
    if (needs.includes('guesses')) return blended(tree, await engine.forward(tree, { topk: 1, signal }), params)
    if (!needs.includes('partner')) return tree
    const alpha = Number(params['mixAlpha'])
    return {
      ...tree,
      hiddenMix: mixedPlaces(tree, (row) => drawBeta(alpha, (i, part) => draws.unit(step, row, 2 * i + part))),
    }
  }
}

/** The inputs of learnt tokens share their embedding with what the model would have said in their place. */
function blended(tree: TokenTree, { topk }: Awaited<ReturnType<Engine['forward']>>, params: Params): TokenTree {
  const tokens = tree.tokens.slice()
  const weights = new Float32Array(tokens.length)
  for (const [i, target] of tree.targets.entries()) {
    tokens[target] = topk?.tokens[i] ?? tokens[target]
    weights[target] = Number(params['guessShare'])
  }
  return { ...tree, inputMix: { tokens, weights } }
}

/** The learnt tokens of each row's two sequences, place by place from the first, as far as the shorter one goes. */
function mixedPlaces(tree: TokenTree, share: (row: number) => number): HiddenMix {
  const lists = Array.from({ length: tree.sequenceCount }, (): number[] => [])
  for (const [i, sequence] of tree.sequences.entries()) lists[sequence].push(i)
  const [first, second, weights]: number[][] = [[], [], []]
  for (let sequence = 0; sequence + 1 < tree.sequenceCount; sequence += 2) {
    const [one, other] = [lists[sequence], lists[sequence + 1]]
    const weight = share(tree.rows[tree.groups[sequence]])
    for (let i = 0; i < Math.min(one.length, other.length); i++) {
      first.push(one[i])
      second.push(other[i])
      weights.push(weight)
    }
  }
  return { first: Int32Array.from(first), second: Int32Array.from(second), weights: Float32Array.from(weights) }
}

/** Beta(α, α) by Jöhnk's rejection (1964): a share of two powers of uniform draws whose sum is at most 1. */
export function drawBeta(alpha: number, unit: (attempt: number, part: 0 | 1) => number): number {
  for (let attempt = 0; ; attempt++) {
    const x = unit(attempt, 0) ** (1 / alpha)
    const y = unit(attempt, 1) ** (1 / alpha)
    if (x + y <= 1 && x + y > 0) return x / (x + y)
  }
}
