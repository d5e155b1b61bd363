import type { KeyValueCache, Model } from '../models/types.ts'
import { add, gather, logits, type Precision, type Recording, Scope, scale, type Tensor } from '../tensor/index.ts'
import type { Sampling } from './types.ts'

/** What a row of a pass runs: its tokens, where they lie in the cache, the keys that they see, and the key of its draw. */
export interface PassRow {
  tokens: number[] | FromLast
  /** Path position and cache row of the first. */
  position: number
  slot: number
  /** The keys of its path as [first cache row, count], its own last token's included. */
  spans: [number, number][]
  /** Tokens drawn so far, sample, prompt id: with the round the counter of the draw. */
  key: readonly [number, number, number]
}

/** The one token that a row of the pass before this one draws: known on the backend before it is here. */
export interface FromLast {
  row: number
}

/** One token for each row. */
export interface Draws {
  tokens: ArrayLike<number>
  logprobs: ArrayLike<number>
  /** In the distribution drawn from. */
  sampled: ArrayLike<number>
}

/** One reading of a model: with its adapter or without, its cache, and how much its logits count. */
export interface Voice {
  model: Model
  layers: KeyValueCache['layers']
  adapter?: boolean
  /** Logits are summed by these: shares of 1 in all draw from the geometric mixture of the voices. */
  share: number
}

/** Passes of models over their caches, each of which draws one token a row. */
export interface Sampler {
  /** Queues a pass. Rows that take their token from the pass before come first. */
  step(rows: readonly PassRow[]): Promise<Draws>
  dispose(): void
}

/** Recordings kept at a time: of the batch sizes last seen. */
const keptPasses = 8

/**
 * Passes in which every row runs one token are recorded once for each number of rows, and then replayed with one call on
 * the same buffers: what is new of them is a few numbers. It is the same kernels on the same values either way.
 */
export function createSampler(
  voices: readonly Voice[],
  sampling: Sampling,
  options: { precision?: Precision },
): Sampler {
  const kept = new Map<number, Pass>()
  let last: Pass | null = null
  /** The pass whose draws the last one may still want; freed when the next is queued. */
  let passing: Pass | null = null
  const drop = (count: number) => {
    kept.get(count)?.dispose()
    kept.delete(count)
  }
  return {
    step(rows) {
      const numbers = passNumbers(rows, sampling.round)
      const isKept = numbers.tokens.length === rows.length
      let pass = isKept ? kept.get(rows.length) : undefined
      if (pass?.holds(numbers)) pass.replay(numbers, last)
      else {
        const next = createPass(voices, sampling, options, numbers, last)
        if (isKept) {
          drop(rows.length)
          if (kept.size === keptPasses) drop(kept.keys().next().value as number)
          kept.set(rows.length, next)
        }
        pass = next
      }
      passing?.dispose()
      passing = isKept ? null : pass
      last = pass
      return pass.draws()
    },
    dispose() {
      passing?.dispose()
      for (const count of [...kept.keys()]) drop(count)
    },
  }
}

/** The inputs of a pass as the kernels read them. */
interface PassNumbers {
  tokens: number[]
  positions: number[]
  slots: number[]
  segments: number[]
  spans: number[]
  keys: number[]
  /** The last token of each row. */
  last: number[]
  /** Rows of the pass before, whose draws are the first tokens of this one. */
  drawn: number[]
}

function passNumbers(rows: readonly PassRow[], round: number): PassNumbers {
  const n: PassNumbers = {
    tokens: [],
    positions: [],
    slots: [],
    segments: [],
    spans: [],
    keys: [],
    last: [],
    drawn: [],
  }
  for (const row of rows) {
    const tokens = 'row' in row.tokens ? [0] : row.tokens
    if ('row' in row.tokens) n.drawn.push(row.tokens.row)
    n.segments.push(n.tokens.length, tokens.length, row.position, n.spans.length / 2, row.spans.length)
    for (const [first, count] of row.spans) n.spans.push(first, count)
    for (const [i, token] of tokens.entries()) {
      n.tokens.push(token)
      n.positions.push(row.position + i)
      n.slots.push(row.slot + i)
    }
    n.last.push(n.tokens.length - 1)
    n.keys.push(...row.key, round)
  }
  return n
}

interface Pass {
  /** [rows] i32 */
  readonly drawn: Tensor
  /** Whether its buffers have room for these. */
  holds(numbers: PassNumbers): boolean
  replay(numbers: PassNumbers, before: Pass | null): void
  draws(): Promise<Draws>
  dispose(): void
}

/** Runs a pass for the first time, and keeps what it takes to run it again. */
function createPass(
  voices: readonly Voice[],
  sampling: Sampling,
  options: { precision?: Precision },
  first: PassNumbers,
  before: Pass | null,
): Pass {
  const { backend, config } = voices[0].model
  const { temperature, topK, topP, minP, seed } = sampling
  const scope = new Scope(backend)
  const count = first.last.length
  const ints = (values: number[], room = values.length) => {
    const padded = new Int32Array(room)
    padded.set(values)
    return scope.from(padded)
  }
  // Paths grow by spans now and then: prompts that share a beginning lie in several pieces.
  const inputs = {
    tokens: ints(first.tokens),
    positions: ints(first.positions),
    slots: ints(first.slots),
    segments: ints(first.segments),
    spans: ints(first.spans, first.spans.length + 4 * count),
    keys: ints(first.keys),
  }
  const index = scope.empty([count], 'sample', { dtype: 'i32' })
  /** Puts the draws of the pass before in their places. */
  const takeDrawn = ({ drawn }: PassNumbers, from: Pass | null) => {
    if (drawn.length === 0 || !from) return
    backend.write(index.buffer, Int32Array.from(drawn))
    const rows = { x: from.drawn.buffer, index: index.buffer, y: inputs.tokens.buffer }
    backend.run('gatherRows', { ...rows, count: drawn.length, width: 1 })
  }
  const settings = scope.from(Float32Array.from(first.last.flatMap(() => [temperature, topP, minP, 0])))
  const most = scope.from(new Int32Array(count).fill(topK))
  const tokens = scope.empty([count], 'sample', { dtype: 'i32' })
  const logprobs = scope.empty([count], 'sample')
  const sampled = scope.empty([count], 'sample')
  takeDrawn(first, before)
  const logitsOf = ({ model, layers, adapter }: Voice) => {
    const hidden = model.hidden(scope, {
      tokens: inputs.tokens,
      positions: inputs.positions,
      plan: { segments: inputs.segments, spans: inputs.spans, segmentCount: count },
      cache: { layers, slots: inputs.slots },
      precision: options.precision,
      adapter,
    })
    const head = { softcap: model.logitSoftcap, precision: options.precision }
    return logits(gather(hidden, Int32Array.from(first.last)), model.head, head)
  }
  const recording: Recording = backend.record(() => {
    const [own, ...others] = voices
    const scores = others.reduce(
      (sum, voice) => add(sum, scale(logitsOf(voice), voice.share)),
      own.share === 1 ? logitsOf(own) : scale(logitsOf(own), own.share),
    )
    backend.run('sampleTokens', {
      ...{ logits: scores.buffer, settings: settings.buffer, topK: most.buffer, keys: inputs.keys.buffer },
      ...{ tokens: tokens.buffer, logprobs: logprobs.buffer, drawn: sampled.buffer },
      ...{ rows: count, vocab: config.vocabSize, seedLow: seed >>> 0, seedHigh: Math.floor(seed / 2 ** 32) >>> 0 },
    })
  })
  return {
    drawn: tokens,
    holds: ({ spans }) => spans.length <= inputs.spans.size,
    replay(numbers, from) {
      for (const [name, tensor] of Object.entries(inputs) as [keyof typeof inputs, Tensor][]) {
        backend.write(tensor.buffer, Int32Array.from(numbers[name]))
      }
      takeDrawn(numbers, from)
      recording.replay()
    },
    async draws() {
      const [a, b, c] = await Promise.all([tokens.read(), logprobs.read(), sampled.read()])
      return { tokens: a, logprobs: b, sampled: c }
    },
    dispose() {
      recording.dispose()
      scope[Symbol.dispose]()
    },
  }
}
