import { HoneError, throwIfAborted } from '../base/index.ts'
import type { Model } from '../models/types.ts'
import { type Precision, Scope } from '../tensor/index.ts'
import type { Tokenizer } from '../text/types.ts'
import { createSampler, type Draws, type PassRow, type Voice } from './pass.ts'
import { type CachedRun, createPrefixCache, pathSpans } from './prefix.ts'
import { createRowAllocator } from './rows.ts'
import { createStopWatch, type StopWatch } from './stops.ts'
import type { Completion, Prompt, Sampling, TextPiece } from './types.ts'

export interface GenerateOptions {
  signal?: AbortSignal
  precision?: Precision
  /** Recorded with each completion. */
  weightsVersion?: number
  /** Rows of the cache: tokens held at once over all running completions. Default: what fits 1 GiB. */
  cacheRows?: number
  /** Prompt tokens computed in one pass beside the running completions. */
  prefillTokens?: number
  /** False draws from the base model, without its adapter. */
  adapter?: boolean
  /**
   * Draws from the geometric mixture of the model with another, token by token: π^(1−share) · other^share, normalised. The
   * other lies on the model's backend; unless given it is the model without its adapter. The log-probs of a completion are
   * then those of the mixture.
   */
  mixture?: { share: number; other?: Model }
  /** Called with each piece of text as it becomes certain; the pieces of a completion together are its text. */
  onText?(piece: TextPiece): void
}

/** A completion under way. */
interface Running {
  prompt: number
  sample: number
  id: number
  promptTokens: number[]
  run: CachedRun
  /** Rows kept for what it will generate. */
  row: number
  room: number
  tokens: number[]
  logprobs: number[]
  sampledLogprobs: number[]
  watch: StopWatch
  ended: boolean
}

/**
 * Completes prompts, many at once: one pass runs the last token of every running completion beside the prompts of those
 * that join, so a place that falls free is filled at once. Completions come as they end, not in order. Every draw is
 * keyed by (seed, round, prompt id, sample, position) and every float depends on its own path alone, so neither the
 * company a prompt is in nor the size of the cache changes a completion.
 *
 * @throws HoneError E_TOO_LONG for a prompt that leaves no room in the context, E_TOKEN_ID, E_EMPTY for one without
 * tokens, E_CACHE where the cache cannot hold one completion, E_MIXTURE for models that cannot be mixed
 */
export async function* generate(
  model: Model,
  tokenizer: Tokenizer | null,
  prompts: readonly Prompt[],
  sampling: Sampling,
  options: GenerateOptions = {},
): AsyncGenerator<Completion> {
  const { config, backend } = model
  const voices = voicesOf(model, options)
  const context = Math.min(...voices.map((voice) => voice.model.config.contextLength))
  const waiting = queue(prompts, sampling, context, config.vocabSize)
  if (waiting.length === 0) return
  const need = (job: Job) => job.tokens.length + job.room
  const most = waiting.reduce((a, job) => Math.max(a, need(job)), 0)
  const all = waiting.reduce((sum, job) => sum + need(job), 0)
  const bytesOfRow = voices.reduce((sum, voice) => sum + 8 * rowWidth(voice.model) * voice.model.config.layers, 0)
  const affordable = Math.floor(2 ** 30 / bytesOfRow)
  const capacity = options.cacheRows ?? Math.min(all, Math.max(most, Math.min(affordable, most * 64)))
  if (capacity < most) {
    throw new HoneError('E_CACHE', `a completion needs ${most} cache rows and there are ${capacity}`, {
      help: 'Lower maxTokens or raise cacheRows.',
    })
  }
  const rows = createRowAllocator(capacity)
  const prefixes = createPrefixCache(rows)
  const ends = new Set(sampling.ignoreEos ? [] : config.eosIds)
  using cacheScope = new Scope(backend)
  const cache = (of: Model) =>
    Array.from({ length: of.config.layers }, () => ({
      keys: cacheScope.empty([capacity, rowWidth(of)], 'cache'),
      values: cacheScope.empty([capacity, rowWidth(of)], 'cache'),
    }))
  const heard = voices.map((voice) => ({ ...voice, layers: cache(voice.model) }))
  const sampler = createSampler(heard, sampling, options)
  let flying: Flying | null = null

  try {
    while (true) {
      throwIfAborted(options.signal)
      // The next pass is queued before the draws of the one under way are here: it takes its tokens on the backend. A
      // completion that then turns out to have ended has run once too often, which nobody sees.
      const going: BatchRow[] = flying
        ? flying.rows.flatMap(({ running: one }, row) => (goesOn(one) ? nextToken(one, row) : []))
        : []
      const active = flying ? flying.rows.filter(({ running: one }) => !one.ended).length : 0
      const joining = admit(waiting, active, options.prefillTokens ?? 1024)
      const next: BatchRow[] = [
        ...going,
        ...joining.map(({ run, job, shared, row }) => firstTokens(run, job, shared, row)),
      ]
      if (next.length === 0 && active === 0) break
      const queued: Flying | null = next.length > 0 ? { rows: next, draws: sampler.step(next) } : null
      // Where this call ends before they are awaited, nobody wants to know.
      queued?.draws.catch(() => {})
      if (flying && active > 0) yield* settle(flying)
      flying = queued
    }
  } finally {
    sampler.dispose()
  }

  /** Takes in what a pass has drawn, and gives the completions that have ended with it. */
  async function* settle({ rows: batch, draws }: Flying): AsyncGenerator<Completion> {
    const drawn = await draws
    for (const [i, { running: one }] of batch.entries()) {
      if (one.ended) continue
      one.tokens.push(drawn.tokens[i])
      one.logprobs.push(drawn.logprobs[i])
      one.sampledLogprobs.push(drawn.sampled[i])
      const finish = ends.has(drawn.tokens[i])
        ? 'eos'
        : one.watch.push(drawn.tokens[i])
          ? 'stop'
          : one.tokens.length >= one.room
            ? 'length'
            : null
      if (finish) one.watch.end()
      if (options.onText) {
        const text = one.watch.settled()
        if (text !== '') options.onText({ prompt: one.prompt, sample: one.sample, text })
      }
      if (!finish) continue
      one.ended = true
      rows.give(one.row, one.room)
      prefixes.release(one.run)
      yield {
        prompt: one.prompt,
        sample: one.sample,
        promptTokens: one.promptTokens,
        tokens: one.tokens,
        logprobs: one.logprobs,
        sampledLogprobs: one.sampledLogprobs,
        text: one.watch.text(),
        finish,
        weightsVersion: options.weightsVersion ?? 0,
      }
    }
  }

  /** Whether a completion has room behind the token that is being drawn. */
  function goesOn(one: Running): boolean {
    return !one.ended && one.tokens.length + 1 < one.room
  }

  /** Takes waiting prompts into the cache while there are rows, at least one when nothing runs. */
  function admit(queue: Job[], active: number, budget: number) {
    const joined: { run: CachedRun; job: Job; shared: number; row: number }[] = []
    let used = 0
    while (queue.length > 0 && (used < budget || active + joined.length === 0)) {
      const job = queue[0]
      const match = prefixes.match(job.tokens, job.tokens.length - 1)
      const own = job.tokens.length - match.length
      const row = rows.take(job.room)
      const first = row === null ? null : rows.take(own)
      if (row === null || first === null) {
        if (row !== null) rows.give(row, job.room)
        if (active + joined.length === 0)
          throw new HoneError('E_CACHE', `no ${need(job)} free cache rows of ${capacity}`)
        break
      }
      queue.shift()
      joined.push({
        run: prefixes.add(match.run, match.length, job.tokens.slice(match.length), first),
        job,
        shared: match.length,
        row,
      })
      used += own
    }
    return joined
  }

  /** The pass behind the one under way, of which the completion is row `from`. */
  function nextToken(one: Running, from: number): BatchRow {
    const done = one.tokens.length + 1
    const position = one.promptTokens.length + done - 1
    const spans = pathSpans(one.run, one.promptTokens.length)
    spans.push([one.row, done])
    const key = [done, one.sample, one.id] as const
    return { running: one, tokens: { row: from }, position, slot: one.row + done - 1, spans, key }
  }

  function firstTokens(run: CachedRun, job: Job, shared: number, row: number): BatchRow {
    const watch = createStopWatch(tokenizer, sampling.stop)
    const { prompt, sample, id, room } = job
    const one = {
      prompt,
      sample,
      id,
      promptTokens: job.tokens,
      run,
      row,
      room,
      tokens: [],
      logprobs: [],
      sampledLogprobs: [],
      watch,
      ended: false,
    }
    const spans = pathSpans(run, job.tokens.length)
    const key = [0, sample, id] as const
    return { running: one, tokens: job.tokens.slice(shared), position: shared, slot: run.row, spans, key }
  }
}

const rowWidth = ({ config }: Model) => config.keyHeads * config.headWidth

/** Who is asked for the next token. A share of 0 or 1 is one of the two alone. */
function voicesOf(model: Model, { adapter, mixture }: GenerateOptions): Omit<Voice, 'layers'>[] {
  if (!mixture || mixture.share === 0) return [{ model, adapter, share: 1 }]
  const other = mixture.other ? { model: mixture.other } : { model, adapter: false }
  if (other.model.backend !== model.backend) {
    throw new HoneError('E_MIXTURE', 'two models are mixed that lie on different backends', {
      help: 'Open the other one beside the first.',
    })
  }
  requireOneVocabulary(model.config, other.model.config)
  if (mixture.share === 1) return [{ ...other, share: 1 }]
  return [
    { model, adapter, share: 1 - mixture.share },
    { ...other, share: mixture.share },
  ]
}

type Sized = Pick<Model['config'], 'vocabSize'>

/**
 * Models of one tokenizer may still differ here, where one has rows that pad its vocabulary.
 * @throws HoneError E_MIXTURE
 */
export function requireOneVocabulary(own: Sized, other: Sized): void {
  if (own.vocabSize === other.vocabSize) return
  const message = `a model with ${own.vocabSize} tokens cannot be mixed with one that has ${other.vocabSize}`
  throw new HoneError('E_MIXTURE', message, {
    help: 'Take a reference whose vocabulary is padded as that of the model is, such as the start.',
  })
}

/** What a completion runs in one pass. */
interface BatchRow extends PassRow {
  running: Running
}

/** A pass whose draws are not yet here. */
interface Flying {
  rows: BatchRow[]
  draws: Promise<Draws>
}

interface Job {
  prompt: number
  sample: number
  id: number
  tokens: number[]
  /** New tokens at most. */
  room: number
}

function queue(prompts: readonly Prompt[], sampling: Sampling, context: number, vocab: number): Job[] {
  return prompts.flatMap((prompt, index) => {
    const tokens = Array.from(prompt.tokens)
    if (tokens.length === 0) {
      throw new HoneError('E_EMPTY', `prompt ${index} has no tokens`, {
        help: 'Give a text, or a begin-of-text token.',
      })
    }
    if (tokens.length >= context) {
      throw new HoneError(
        'E_TOO_LONG',
        `prompt ${index} has ${tokens.length} tokens and the model's context ends at ${context}`,
      )
    }
    const outside = tokens.find((id) => id < 0 || id >= vocab)
    if (outside !== undefined) {
      throw new HoneError('E_TOKEN_ID', `prompt ${index} holds token id ${outside}, outside the vocabulary of ${vocab}`)
    }
    const room = Math.min(sampling.maxTokens, context - tokens.length)
    const id = prompt.id ?? index
    return Array.from({ length: sampling.n }, (_, sample) => ({ prompt: index, sample, id, tokens, room }))
  })
}
