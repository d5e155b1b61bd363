import { HoneError, throwIfAborted } from '../base/index.ts'
import type { KeyValueCache, Model } from '../models/types.ts'
import { attentionPlan, gather, logits, type Precision, Scope } from '../tensor/index.ts'
import type { Tokenizer } from '../text/types.ts'
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
}

/**
 * Completes prompts, many at once: one pass runs the last token of every running completion beside the prompts of those
 * that join, so a place that falls free is filled at once. Completions come as they end, not in order. Every draw is
 * keyed by (seed, round, prompt id, sample, position) and every float depends on its own path alone, so neither the
 * company a prompt is in nor the size of the cache changes a completion.
 *
 * @throws HoneError E_TOO_LONG for a prompt that leaves no room in the context, E_TOKEN_ID, E_EMPTY for one without
 * tokens, E_CACHE where the cache cannot hold one completion
 */
export async function* generate(
  model: Model,
  tokenizer: Tokenizer | null,
  prompts: readonly Prompt[],
  sampling: Sampling,
  options: GenerateOptions = {},
): AsyncGenerator<Completion> {
  const { config, backend } = model
  const rowWidth = config.keyHeads * config.headWidth
  const waiting = queue(prompts, sampling, config.contextLength, config.vocabSize)
  if (waiting.length === 0) return
  const need = (job: Job) => job.tokens.length + job.room
  const most = waiting.reduce((a, job) => Math.max(a, need(job)), 0)
  const all = waiting.reduce((sum, job) => sum + need(job), 0)
  const affordable = Math.floor(2 ** 30 / (8 * rowWidth * config.layers))
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
  const layers = Array.from({ length: config.layers }, () => ({
    keys: cacheScope.empty([capacity, rowWidth], 'cache'),
    values: cacheScope.empty([capacity, rowWidth], 'cache'),
  }))
  let running: Running[] = []

  while (running.length > 0 || waiting.length > 0) {
    throwIfAborted(options.signal)
    const joining = admit(waiting, running.length, options.prefillTokens ?? 1024)
    const batch = [
      ...running.map(nextToken),
      ...joining.map(({ run, job, shared, row }) => firstTokens(run, job, shared, row)),
    ]
    const drawn = await step(batch)
    const still: Running[] = []
    for (const [i, { running: one }] of batch.entries()) {
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
      if (!finish) {
        still.push(one)
        continue
      }
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
    running = still
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

  function nextToken(one: Running): BatchRow {
    const done = one.tokens.length
    const position = one.promptTokens.length + done - 1
    const spans = pathSpans(one.run, one.promptTokens.length)
    spans.push([one.row, done])
    return { running: one, tokens: [one.tokens[done - 1]], position, slot: one.row + done - 1, spans }
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
    }
    const spans = pathSpans(run, job.tokens.length)
    return { running: one, tokens: job.tokens.slice(shared), position: shared, slot: run.row, spans }
  }

  /** One pass of the model over the batch's new tokens, and one draw a row. */
  async function step(batch: BatchRow[]) {
    using scope = new Scope(backend)
    const tokens: number[] = []
    const positions: number[] = []
    const slots: number[] = []
    const segments: number[] = []
    const spans: number[] = []
    const last: number[] = []
    for (const row of batch) {
      segments.push(tokens.length, row.tokens.length, row.position, spans.length / 2, row.spans.length)
      spans.push(...row.spans.flat())
      for (const [i, token] of row.tokens.entries()) {
        tokens.push(token)
        positions.push(row.position + i)
        slots.push(row.slot + i)
      }
      last.push(tokens.length - 1)
    }
    const cache: KeyValueCache = { layers, slots: scope.from(Int32Array.from(slots)) }
    const hidden = model.hidden(scope, {
      tokens: scope.from(Int32Array.from(tokens)),
      positions: scope.from(Int32Array.from(positions)),
      plan: attentionPlan(scope, segments, spans),
      cache,
      precision: options.precision,
      adapter: options.adapter,
    })
    const head = { softcap: model.logitSoftcap, precision: options.precision }
    const scores = logits(gather(hidden, Int32Array.from(last)), model.head, head)
    const count = batch.length
    const { temperature, topK, topP, minP, seed, round } = sampling
    const picked = scope.empty([count], 'sample', { dtype: 'i32' })
    const logprobs = scope.empty([count], 'sample')
    const sampled = scope.empty([count], 'sample')
    const keys = batch.flatMap(({ running: one }) => [one.tokens.length, one.sample, one.id, round])
    backend.run('sampleTokens', {
      logits: scores.buffer,
      settings: scope.from(Float32Array.from(batch.flatMap(() => [temperature, topP, minP, 0]))).buffer,
      topK: scope.from(new Int32Array(count).fill(topK)).buffer,
      keys: scope.from(Int32Array.from(keys)).buffer,
      tokens: picked.buffer,
      logprobs: logprobs.buffer,
      drawn: sampled.buffer,
      rows: count,
      vocab: config.vocabSize,
      seedLow: seed >>> 0,
      seedHigh: Math.floor(seed / 2 ** 32) >>> 0,
    })
    const [a, b, c] = await Promise.all([picked.read(), logprobs.read(), sampled.read()])
    return { tokens: a, logprobs: b, sampled: c }
  }
}

/** The tokens a row of the batch runs, where they lie in the cache, and the keys that they see. */
interface BatchRow {
  running: Running
  tokens: number[]
  /** Path position and cache row of the first. */
  position: number
  slot: number
  spans: [number, number][]
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
