import { HoneError } from '../base/index.ts'
import type { Backend, Parameter, Precision, Scope } from '../tensor/index.ts'
import { type LinearSpec, layoutOf, mapLayout, scoreName } from './architecture.ts'
import type { ParsedConfig } from './config.ts'
import { type DecoderWeights, decode, type Linear, type Norm } from './decoder.ts'
import type { Adapter, Model, ModelInputs } from './types.ts'

/** Binds weights, by their names, to the decoder that a config describes. The model owns them from here on. */
export function createModel(
  { config, architecture }: ParsedConfig,
  backend: Backend,
  parameters: ReadonlyMap<string, Parameter>,
  precision: Precision = 'f32',
): Model {
  const { names, tiedEmbeddings } = architecture
  const layout = layoutOf(architecture)
  const modules = new Map<string, LinearSpec>()
  const at = (name: string) => parameters.get(`${name}.weight`)!
  const bias = (name: string) => parameters.get(`${name}.bias`)
  const weights: DecoderWeights = {
    embedding: at(names.embedding),
    positions: names.positions === undefined ? null : at(names.positions),
    ...mapLayout(
      layout,
      (spec): Linear => {
        modules.set(spec.name, spec)
        return { name: spec.name, weight: at(spec.name), bias: bias(spec.name) }
      },
      ({ name }): Norm => ({ weight: at(name), bias: bias(name) }),
    ),
  }
  let adapter: Adapter | null = null
  let disposed = false

  const checkInputs = (scope: Scope, { cache }: ModelInputs) => {
    if (disposed) throw new HoneError('E_FREED', 'a model was used after dispose()')
    if (scope.backend !== backend) throw new HoneError('E_BACKEND', 'a scope of another backend than the model')
    if (cache && scope.recording) {
      throw new HoneError('E_TAPE', 'a pass that reads a key-value cache cannot record', {
        help: 'Gradients do not reach past tokens through the cache: train on the packed tokens.',
      })
    }
  }

  return {
    config,
    architecture,
    backend,
    parameters,
    modules,
    get head() {
      if (!architecture.score) return tiedEmbeddings ? weights.embedding : at(names.head)
      throw new HoneError(
        'E_HEAD',
        'the model is a reward model: it gives scores, no log-probs of tokens, and writes nothing',
        {
          help: 'Take the model that it was trained from.',
        },
      )
    },
    score: parameters.get(scoreName) ?? null,
    logitSoftcap: architecture.logitSoftcap,
    get adapter() {
      return adapter
    },
    setAdapter(next) {
      adapter = next
    },
    hidden(scope, inputs) {
      checkInputs(scope, inputs)
      const overlays = inputs.adapter === false ? null : (adapter?.overlays ?? null)
      return decode(scope, architecture, weights, overlays, { precision, ...inputs })
    },
    trainable: () =>
      [...(adapter?.parameters.values() ?? []), ...parameters.values()].filter(({ trainable }) => trainable),
    dispose() {
      if (disposed) return
      disposed = true
      for (const parameter of parameters.values()) parameter.dispose()
      for (const parameter of adapter?.parameters.values() ?? []) parameter.dispose()
    },
  }
}
