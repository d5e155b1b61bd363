import { HoneError } from '../base/index.ts'
import type { TokenTree } from '../batch/index.ts'
import { gather, type Scope, type Tensor } from '../tensor/index.ts'
import { readCandidates, readMixed } from './extra.ts'

/**
 * The log-probs of some sequences, as an objective sees them. P learnt tokens over N sequences; token i belongs to
 * sequence index[i].
 */
export interface Completions {
  /** [P], differentiable. @throws HoneError E_READOUT for an objective that does not read them, as `scores` */
  readonly logprobs: Tensor
  /** [N] a reward model's score of each sequence, differentiable. */
  readonly scores: Tensor
  /** [P] of the reference model, where the objective needs it. */
  reference: Tensor | null
  /** [P] what each token weighs: its own weight times its sequence's. */
  weights: Tensor
  index: Int32Array
  /** N */
  count: number
  /** [N] what each sequence weighs: the row's `weight`, 1 as a rule. */
  sequenceWeights: Tensor
  /** Weight of all such sequences, and of all their tokens, in the whole optimiser batch: denominators of means. */
  total: { sequences: number; tokens: number }
  /**
   * [N] a number that came with each sequence.
   * @throws HoneError E_DATA where one is missing and no fallback is given
   */
  value(name: string, fallback?: number): Tensor
}

/** A sequence of the batch, to be picked by its place in its row or by a number that came with it (NaN: none). */
export interface SequenceView {
  place: number
  value(name: string): number
}

/** What an objective is called with. */
export interface Views {
  scope: Scope
  all: Completions
  /** For each row its sequences, as places in `all`, in their order. */
  rows: readonly (readonly number[])[]
  /** The sequences for which `pick` holds, in order. */
  where(pick: (sequence: SequenceView) => boolean): Completions
  /** Weight of the sequences for which `pick` holds, and of their tokens, in the whole optimiser batch. */
  total(pick: (sequence: SequenceView) => boolean): Completions['total']
  /** The sequence at one place of each row. */
  at(place: number): Completions
  /** Places 0, 1 and 2 of pairs, triples and explorations. */
  readonly chosen: Completions
  readonly rejected: Completions
  readonly gold: Completions
  readonly usual: Completions
  /** The objective's running figures before this batch. */
  state: Readonly<Record<string, number>>
  /** For needs 'teacher': at each learnt token of `all`, `count` tokens with their log-probs [P · count], and the teacher's. */
  readonly candidates: { count: number; logprobs: Tensor; teacher: Tensor }
  /** For needs 'partner': the log-probs [M] of both tokens at each mixed place, the weight of the first, and its row. */
  readonly mixed: { first: Tensor; second: Tensor; weights: Tensor; row: Int32Array }
}

/** One packed batch's values, read back from the model. */
export interface ReadBatch {
  tree: TokenTree
  /** [P] log-probs of the targets; empty where scores are read. */
  logprobs: ArrayLike<number>
  /** [N] scores of the sequences. */
  scores?: ArrayLike<number>
  /** [P] those of the reference model. */
  reference?: ArrayLike<number> | null
  /** [E] those of the tree's `candidates`, or of its `hiddenMix`. */
  extra?: ArrayLike<number>
}

/** What was read of all parts, one after another: [P] log-probs or [N] scores, and [E] further log-probs. */
interface Leaves {
  logprob?: Tensor
  score?: Tensor
  extra: Tensor
}

/**
 * @param batch the whole optimiser batch, of which `parts` may be a share
 */
export function makeViews(
  scope: Scope,
  parts: readonly ReadBatch[],
  leaves: Leaves,
  batch: readonly TokenTree[],
  state: Readonly<Record<string, number>>,
): Views {
  const trees = parts.map(({ tree }) => tree)
  const join = <A extends Float64Array | Int32Array>(
    into: A,
    read: (part: ReadBatch, p: number) => ArrayLike<number>,
  ) => {
    let at = 0
    for (const [p, part] of parts.entries()) {
      const values = read(part, p)
      into.set(values, at)
      at += values.length
    }
    return into
  }
  const bases = trees.map((_, p) => trees.slice(0, p).reduce((sum, tree) => sum + tree.sequenceCount, 0))
  const count = trees.reduce((sum, tree) => sum + tree.sequenceCount, 0)
  const size = trees.reduce((sum, tree) => sum + tree.targets.length, 0)
  const index = join(new Int32Array(size), ({ tree }, p) => tree.sequences.map((sequence) => sequence + bases[p]))
  const places = join(new Int32Array(count), ({ tree }) => tree.places)
  const weightOf = join(new Float64Array(count), ({ tree }) => sequenceWeights(tree))
  const tokenWeights = join(new Float64Array(size), ({ tree }) => tree.weights).map((w, i) => w * weightOf[index[i]])
  const reference = parts.every((part) => part.reference)
    ? join(new Float64Array(size), (part) => part.reference ?? [])
    : null
  const values = new Map<string, Float64Array>()
  const valuesOf = (name: string) => {
    const known = values.get(name) ?? join(new Float64Array(count), ({ tree }) => valueList(tree, name))
    values.set(name, known)
    return known
  }

  const select = (sequences: Int32Array, total: Completions['total']): Completions => {
    const renamed = new Int32Array(count).fill(-1)
    for (const [i, sequence] of sequences.entries()) renamed[sequence] = i
    const tokens = Int32Array.from(index.keys()).filter((i) => renamed[index[i]] >= 0)
    const logprobs = leaves.logprob && pick(leaves.logprob, tokens)
    const scores = leaves.score && pick(leaves.score, sequences)
    return {
      get logprobs() {
        return logprobs ?? notRead('log-probs')
      },
      get scores() {
        return scores ?? notRead('scores')
      },
      reference: reference && scope.from(Float64Array.from(tokens, (i) => reference[i])),
      weights: scope.from(Float64Array.from(tokens, (i) => tokenWeights[i])),
      index: tokens.map((i) => renamed[index[i]]),
      count: sequences.length,
      sequenceWeights: scope.from(Float64Array.from(sequences, (s) => weightOf[s])),
      total,
      value(name, fallback) {
        const picked = Float64Array.from(sequences, (s) => valuesOf(name)[s])
        if (fallback === undefined && picked.some(Number.isNaN)) {
          throw new HoneError('E_DATA', `this objective needs the ${name} of each answer and got rows without it`)
        }
        return scope.from(picked.map((x) => (Number.isNaN(x) ? (fallback as number) : x)))
      },
    }
  }
  const where: Views['where'] = (pick) => {
    const sequences = Int32Array.from(places.keys()).filter((s) =>
      pick({ place: places[s], value: (name) => valuesOf(name)[s] }),
    )
    return select(sequences, totalOf(batch, pick))
  }
  const made = new Map<number, Completions>()
  const at = (place: number) => {
    const known = made.get(place) ?? where((sequence) => sequence.place === place)
    made.set(place, known)
    return known
  }
  let all: Completions | undefined
  return {
    scope,
    get all() {
      return (all ??= where(() => true))
    },
    rows: trees.flatMap((tree, p) => rowSequences(tree, bases[p])),
    where,
    total: (pick) => totalOf(batch, pick),
    at,
    get chosen() {
      return at(0)
    },
    get rejected() {
      return at(1)
    },
    get gold() {
      return at(2)
    },
    get usual() {
      return at(2)
    },
    state,
    get candidates() {
      return readCandidates(scope, trees, leaves.extra)
    },
    get mixed() {
      return readMixed(scope, trees, leaves.extra)
    },
  }
}

/** The values at these ascending places: the leaf itself where they are all. */
const pick = (leaf: Tensor, places: Int32Array) => (places.length === leaf.size ? leaf : gather(leaf, places))

function notRead(what: string): never {
  throw new HoneError('E_READOUT', `this objective asks for ${what} and does not declare that it reads them`)
}

const valueList = ({ values, sequenceCount }: TokenTree, name: string) =>
  values[name] ?? new Float64Array(sequenceCount).fill(Number.NaN)

const sequenceWeights = (tree: TokenTree) => valueList(tree, 'weight').map((w) => (Number.isNaN(w) ? 1 : w))

function rowSequences({ groups, rows }: TokenTree, base: number): number[][] {
  const lists: number[][] = Array.from(rows, () => [])
  for (const [sequence, group] of groups.entries()) lists[group].push(base + sequence)
  return lists
}

function totalOf(batch: readonly TokenTree[], pick: (sequence: SequenceView) => boolean): Completions['total'] {
  const sum = { sequences: 0, tokens: 0 }
  for (const tree of batch) {
    const weight = sequenceWeights(tree)
    const picked = Uint8Array.from(tree.places, (place, s) =>
      Number(pick({ place, value: (name) => valueList(tree, name)[s] })),
    )
    for (const [s, is] of picked.entries()) if (is) sum.sequences += weight[s]
    for (const [i, s] of tree.sequences.entries()) if (picked[s]) sum.tokens += tree.weights[i] * weight[s]
  }
  return sum
}
