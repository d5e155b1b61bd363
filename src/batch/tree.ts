import { HoneError } from '../base/index.ts'

/**
 * A packed forest of token segments. A segment sees itself causally and its ancestors: a conversation is one root,
 * a preference pair a root (the shared prompt) with two leaves, an RL group a root with G leaves. No padding.
 *
 * Letters: T tokens, S segments, P targets (tokens whose log-prob is wanted).
 */
export interface TokenTree {
  /** [T] token ids, the segments one after another. */
  tokens: Int32Array
  /** [T] position on the token's own path from its root: 0, 1, 2, … */
  positions: Int32Array
  /** [S+1] first token of each segment; the last entry is T. */
  starts: Int32Array
  /** [S] index of the parent segment, always smaller than the segment's own, or −1 for a root. */
  parents: Int32Array
  /** [P] token indices whose log-prob is wanted, ascending. None of them is the first token of a path. */
  targets: Int32Array
  /** [P] what the objective weighs each target with. */
  weights: Float32Array
  /** [P] the sequence each target belongs to: objectives reduce over it. */
  sequences: Int32Array
  /** N: how many sequences there are. */
  sequenceCount: number
  /** [N] index into `rows` of each sequence: those of one row form a group (a pair, a ranking). */
  groups: Int32Array
  /** [N] the place of each sequence in its row: 0, 1, … */
  places: Int32Array
  /** [N] the last token of each sequence: of its last segment with marks. −1 where it has none. */
  ends: Int32Array
  /** Numbers that belong to sequences (`label`, `score`, `margin`, `weight`, …), [N] each; NaN where a row has none. */
  values: Record<string, Float64Array>
  /** [R] a number for each row of the data set in this tree (its place in the set): keys of dropout and of caches. */
  rows: Int32Array
  /** [S] index into `rows` of each segment. */
  segmentRow: Int32Array
  /** Further tokens at each target whose log-probs are wanted, `count` each, with those that a teacher gives them. */
  candidates?: { count: number; tokens: Int32Array; logprobs: Float32Array }
  /** [T] second tokens, blended in at the embedding by their weights; no gradient goes to the embeddings then. */
  inputMix?: { tokens: Int32Array; weights: Float32Array }
  /** [M] pairs of targets whose hidden states are mixed before the head: weight of the first, the rest of the second. */
  hiddenMix?: HiddenMix
}

export interface HiddenMix {
  /** [M] places in `targets`, of one row each. */
  first: Int32Array
  second: Int32Array
  weights: Float32Array
}

/** One segment to be packed: its tokens, and which of them are learnt from. */
export interface SegmentInput {
  tokens: ArrayLike<number>
  /** One entry a token; non-zero marks a target. Absent: no targets. */
  loss?: ArrayLike<number>
  /** Index, within the same row, of the segment it continues; absent or −1 for a root. */
  parent?: number
  /** Index, within the same row, of the sequence that its targets count towards (default 0). */
  sequence?: number
}

/** A row of data: a small tree. `id` is its place in the data set. */
export interface RowInput {
  id: number
  segments: SegmentInput[]
  /** Numbers that belong to its sequences, one each; a shorter list says nothing of the later ones. */
  values?: Readonly<Record<string, ArrayLike<number>>>
  /** Segments that the reference model reads in their place: the sequences it has are learnt from token for token. */
  reference?: SegmentInput[]
}

/** Number of tokens that a row adds to a tree. */
export function rowTokens(row: RowInput): number {
  return row.segments.reduce((sum, segment) => sum + segment.tokens.length, 0)
}

/** How many sequences a row holds: 1 for plain SFT, 2 for a pair. */
export function rowSequences(row: RowInput): number {
  return 1 + row.segments.reduce((most, segment) => Math.max(most, segment.sequence ?? 0), 0)
}

/**
 * Packs rows into one tree, in the given order. A first token of a path cannot be a target (nothing predicts it):
 * such marks are dropped here, because a prefix of zero tokens is legal in data.
 *
 * @throws HoneError E_TREE where a parent does not come before its child, or a mask's length differs from its tokens'.
 */
export function packTree(rows: readonly RowInput[]): TokenTree {
  const tokens: number[] = []
  const positions: number[] = []
  const starts: number[] = []
  const parents: number[] = []
  const targets: number[] = []
  const weights: number[] = []
  const sequences: number[] = []
  const segmentRow: number[] = []
  const groups: number[] = []
  const places: number[] = []
  const lastTokens: number[] = []
  let sequenceBase = 0
  for (const [rowIndex, row] of rows.entries()) {
    const base = starts.length
    const count = rowSequences(row)
    const last = new Array<number>(count).fill(-1)
    const ends: number[] = []
    for (const [index, segment] of row.segments.entries()) {
      const parent = segment.parent ?? -1
      if (parent >= index) {
        throw new HoneError(
          'E_TREE',
          `row ${row.id}: segment ${index} names ${parent} as its parent, expected an earlier one`,
        )
      }
      if (segment.loss && segment.loss.length !== segment.tokens.length) {
        throw new HoneError(
          'E_TREE',
          `row ${row.id}: segment ${index} has ${segment.tokens.length} tokens and ${segment.loss.length} mask entries`,
        )
      }
      const offset = parent < 0 ? 0 : ends[parent]
      starts.push(tokens.length)
      parents.push(parent < 0 ? -1 : base + parent)
      segmentRow.push(rowIndex)
      for (let i = 0; i < segment.tokens.length; i++) {
        if (segment.loss?.[i] && offset + i > 0) {
          targets.push(tokens.length)
          weights.push(segment.loss[i])
          sequences.push(sequenceBase + (segment.sequence ?? 0))
        }
        tokens.push(segment.tokens[i])
        positions.push(offset + i)
      }
      ends.push(offset + segment.tokens.length)
      if (segment.loss && segment.tokens.length > 0) last[segment.sequence ?? 0] = tokens.length - 1
    }
    lastTokens.push(...last)
    for (let place = 0; place < count; place++) {
      groups.push(rowIndex)
      places.push(place)
    }
    sequenceBase += count
  }
  starts.push(tokens.length)
  return {
    tokens: Int32Array.from(tokens),
    positions: Int32Array.from(positions),
    starts: Int32Array.from(starts),
    parents: Int32Array.from(parents),
    targets: Int32Array.from(targets),
    weights: Float32Array.from(weights),
    sequences: Int32Array.from(sequences),
    sequenceCount: sequenceBase,
    groups: Int32Array.from(groups),
    places: Int32Array.from(places),
    ends: Int32Array.from(lastTokens),
    values: joinValues(rows, sequenceBase),
    rows: Int32Array.from(rows, (row) => row.id),
    segmentRow: Int32Array.from(segmentRow),
  }
}

function joinValues(rows: readonly RowInput[], count: number): Record<string, Float64Array> {
  const joined: Record<string, Float64Array> = {}
  let base = 0
  for (const row of rows) {
    for (const [name, values] of Object.entries(row.values ?? {})) {
      joined[name] ??= new Float64Array(count).fill(Number.NaN)
      joined[name].set(values, base)
    }
    base += rowSequences(row)
  }
  return joined
}

/**
 * [P] for each target the token that predicts it: the one before it in its segment, else the last token of the nearest
 * ancestor that has any.
 */
export function predecessors(tree: TokenTree): Int32Array {
  const segmentOf = new Int32Array(tree.tokens.length)
  for (let s = 0; s < tree.parents.length; s++) segmentOf.fill(s, tree.starts[s], tree.starts[s + 1])
  return tree.targets.map((target) => {
    let segment = segmentOf[target]
    if (target > tree.starts[segment]) return target - 1
    do segment = tree.parents[segment]
    while (segment >= 0 && tree.starts[segment + 1] === tree.starts[segment])
    return tree.starts[segment + 1] - 1
  })
}
