import { HoneError, throwIfAborted } from '../base/index.ts'
import type { TokenTree } from '../batch/index.ts'
import { type GenerateOptions, generate, samplingDefaults } from '../generate/index.ts'
import type { Model } from '../models/types.ts'
import { type Evaluated, evaluateObjective, type Params, type ReadBatch } from '../objectives/index.ts'
import {
  gather,
  logprobsWithGrad,
  type OptimizerConfig,
  openOptimizer,
  openReferenceBackend,
  type Precision,
  Scope,
  treePlan,
} from '../tensor/index.ts'
import type { Tokenizer } from '../text/types.ts'
import { inputMix, mainReadout, readTop, requireReadout, weighed } from './readouts.ts'
import { loadState, saveState } from './state.ts'
import type { Engine, ForwardBackwardOptions, ForwardBackwardResult, ForwardResult, ReadOptions } from './types.ts'

export interface LocalEngineOptions {
  /** Decodes completions' text; without it `sample` gives tokens alone. */
  tokenizer?: Tokenizer
  optimizer?: Partial<OptimizerConfig>
  precision?: Precision
  /** Compute each layer again in the backward pass instead of keeping its activations. */
  checkpoint?: boolean
  sampler?: Pick<GenerateOptions, 'cacheRows' | 'prefillTokens'>
}

/** The models of the engines that are on this machine, for calls that read two. */
const models = new WeakMap<Engine, Model>()

function modelOf(engine: Engine): Model {
  const model = models.get(engine)
  if (model) return model
  throw new HoneError('E_MIXTURE', 'a model that is not on this machine cannot be mixed with one that is')
}

/** The engine on this machine. It owns the model, and frees it on `close`. */
export function openLocalEngine(model: Model, options: LocalEngineOptions = {}): Engine {
  const { backend, config } = model
  const { precision } = options
  const host = openReferenceBackend()
  const learning = model.trainable()
  const optimizer = openOptimizer(backend, learning, options.optimizer)
  const head = { softcap: model.logitSoftcap, precision }
  const main = mainReadout(model, head)
  const readouts = new Set(main.offers)
  let sampling = 0
  let idle: (() => void)[] = []

  /** What the head is asked for: the hidden states that it reads, and the targets' ids. */
  function ask(scope: Scope, batch: TokenTree, extra: { adapter?: boolean; dropoutSeed?: number }) {
    const rowIds = extra.dropoutSeed === undefined ? null : tokenRows(batch)
    const hidden = model.hidden(scope, {
      tokens: scope.from(batch.tokens),
      positions: scope.from(batch.positions),
      plan: treePlan(scope, batch),
      precision,
      checkpoint: options.checkpoint,
      inputMix: inputMix(scope, batch),
      adapter: extra.adapter,
      dropout: rowIds ? { seed: extra.dropoutSeed ?? 0, rowIds: scope.from(rowIds) } : undefined,
    })
    const targets = scope.from(batch.targets.map((t) => batch.tokens[t]))
    return { hidden: gather(hidden, main.at(batch)), targets }
  }

  /** Runs a call so that firing the signal drops what is queued, and nothing it had begun remains. */
  async function interruptible<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    throwIfAborted(signal)
    const stop = () => backend.cancel()
    signal?.addEventListener('abort', stop, { once: true })
    try {
      const result = await work()
      throwIfAborted(signal)
      return result
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  async function forward(batch: TokenTree, how: ReadOptions & { dropoutSeed?: number }): Promise<ForwardResult> {
    if (isEmpty(batch)) return main.named(new Float32Array(0))
    using scope = new Scope(backend)
    const asked = ask(scope, batch, how)
    const output = main.read(asked)
    const extra = main.extra(batch, asked, output)
    return {
      ...main.named(Float32Array.from(await output.read())),
      ...(extra && { extra: Float32Array.from(await extra.read()) }),
      ...(how.topk && { topk: await readTop(asked, model.head, how.topk, head) }),
    }
  }

  async function forwardBackward<P extends Params>(
    batches: readonly TokenTree[],
    { objective, params, reference, dropoutSeed, state, signal }: ForwardBackwardOptions<P>,
  ) {
    requireReadout(readouts, objective)
    const whole = { batch: batches, state }
    const result: ForwardBackwardResult = { loss: 0, metrics: {}, logprobs: [] }
    const part = (index: number, values: ForwardResult): ReadBatch => ({
      tree: batches[index],
      ...values,
      reference: reference?.[index],
    })
    const add = ({ loss, metrics, state }: Evaluated) => {
      result.loss += loss
      if (state) result.state = state
      for (const [name, value] of Object.entries(metrics)) result.metrics[name] = (result.metrics[name] ?? 0) + value
    }
    // An objective over the whole batch is evaluated once, on all micro-batches; its cotangents wait for the second pass.
    let waiting: Evaluated | null = null
    if (objective.scope === 'batch' && batches.length > 1) {
      const values: ForwardResult[] = []
      for (const batch of batches) values.push(await forward(batch, { dropoutSeed }))
      const evaluated = await evaluateObjective(
        host,
        objective,
        params,
        values.map((v, i) => part(i, v)),
        whole,
      )
      add(evaluated)
      waiting = evaluated
    }
    for (const [index, batch] of batches.entries()) {
      throwIfAborted(signal)
      if (isEmpty(batch)) {
        result.logprobs.push(new Float32Array(0))
        continue
      }
      using scope = new Scope(backend, { record: true })
      const asked = ask(scope, batch, { dropoutSeed })
      const evaluate = (values: ForwardResult) =>
        evaluateObjective(host, objective, params, [part(index, values)], whole)
      if (objective.linear && !waiting && !batch.candidates && !batch.hiddenMix) {
        // The gradient at any log-probs is the gradient: both directions go off at once.
        const [cotangent] = (await evaluate({ logprobs: new Float32Array(batch.targets.length) })).cotangents
        const both = logprobsWithGrad(asked.hidden, model.head, asked.targets, scope.from(cotangent), head)
        const reading = both.values.read()
        scope.backward(asked.hidden, both.gradient)
        const values = Float32Array.from(await reading)
        result.logprobs.push(values)
        add(await evaluate({ logprobs: values }))
        refuseNonFinite(result.loss, batch)
        continue
      }
      const output = main.read(asked)
      const extra = main.extra(batch, asked, output)
      const values = main.named(Float32Array.from(await output.read()))
      result.logprobs.push(values.logprobs)
      let [cotangent, further] = [waiting?.cotangents[index], waiting?.extra[index]]
      if (!cotangent || !further) {
        const evaluated = await evaluate({
          ...values,
          ...(extra && { extra: Float32Array.from(await extra.read()) }),
        })
        add(evaluated)
        cotangent = evaluated.cotangents[0]
        further = evaluated.extra[0]
      }
      throwIfAborted(signal)
      refuseNonFinite(result.loss, batch)
      if (extra) scope.backward(weighed(output, cotangent, extra, further))
      else scope.backward(output, scope.from(cotangent))
    }
    await backend.idle()
    return result
  }

  const zeroGrad = () => {
    for (const parameter of learning) parameter.zeroGrad()
  }

  const engine: Engine = {
    config,
    hardware: { backend: backend.name, isa: backend.isa, threads: backend.threads },
    readouts,
    get weightsVersion() {
      return optimizer.steps
    },
    forward: (batch, { signal, ...how } = {}) => interruptible(signal, () => forward(batch, how)),
    async forwardBackward(batches, given) {
      try {
        return await interruptible(given.signal, () => forwardBackward(batches, given))
      } catch (error) {
        zeroGrad()
        throw error
      }
    },
    async optimStep({ learningRate, busy = 'wait' }) {
      if (sampling > 0 && busy === 'refuse') {
        throw new HoneError('E_SAMPLING', `${sampling} sample calls are open: an update would change their model`)
      }
      while (sampling > 0) await new Promise<void>((resolve) => idle.push(resolve))
      try {
        return { gradNorm: await optimizer.step(learningRate) }
      } catch (error) {
        zeroGrad()
        throw error
      }
    },
    async *sample(prompts, settings, { signal, adapter, mixture, onText } = {}) {
      requireReadout(readouts, { id: 'sample', reads: 'logprob' })
      sampling++
      try {
        const given = { ...samplingDefaults, ...settings }
        const weightsVersion = optimizer.steps
        const mixed = mixture && { share: mixture.share, ...(mixture.other && { other: modelOf(mixture.other) }) }
        const how = { ...options.sampler, precision, signal, adapter, mixture: mixed, weightsVersion, onText }
        yield* generate(model, options.tokenizer ?? null, prompts, given, how)
      } finally {
        sampling--
        if (sampling === 0) {
          for (const resolve of idle) resolve()
          idle = []
        }
      }
    },
    zeroGrad,
    save: (folder) => saveState(backend, learning, optimizer, folder),
    load: (folder) => loadState(backend, learning, optimizer, folder),
    async close() {
      optimizer.dispose()
      model.dispose()
      host.close()
      await backend.idle()
    },
  }
  models.set(engine, model)
  return engine
}

const isEmpty = (batch: TokenTree) => batch.targets.length === 0 && batch.ends.every((end) => end < 0)

/** [T] the data set's row of each token. */
function tokenRows(batch: TokenTree): Int32Array {
  const rows = new Int32Array(batch.tokens.length)
  for (let s = 0; s < batch.parents.length; s++) {
    rows.fill(batch.rows[batch.segmentRow[s]], batch.starts[s], batch.starts[s + 1])
  }
  return rows
}

function refuseNonFinite(loss: number, batch: TokenTree): void {
  if (Number.isFinite(loss)) return
  const rows = [...batch.rows.subarray(0, 8)].join(', ')
  const more = batch.rows.length > 8 ? ` and ${batch.rows.length - 8} more` : ''
  throw new HoneError('E_NON_FINITE', `the loss is ${loss} on the batch of rows ${rows}${more}`, {
    help: 'Lower the learning rate, or look at these rows with `hone data inspect`; the last checkpoint is good.',
  })
}
