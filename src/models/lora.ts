import { HoneError, random } from '../base/index.ts'
import { Parameter } from '../tensor/index.ts'
import type { LinearSpec } from './architecture.ts'
import type { Adapter, LoraConfig, Model, Overlay } from './types.ts'

/** What PEFT puts before a module's name. */
export const PREFIX = 'base_model.model.'

export const loraNames = (module: string) => ({
  a: `${PREFIX}${module}.lora_A.weight`,
  b: `${PREFIX}${module}.lora_B.weight`,
})

/** A module's place within its layer: 'self_attn.q_proj'. */
const place = (name: string) => name.replace(/^.*?\.\d+\./, '')
const lastPart = (name: string) => name.slice(name.lastIndexOf('.') + 1)

/** The shortest name by which PEFT finds one kind of module: its last part, or more of it where two kinds share that. */
function shortName(model: Model, module: string): string {
  const last = lastPart(module)
  const places = new Set([...model.modules.keys()].filter((name) => lastPart(name) === last).map(place))
  return places.size === 1 ? last : place(module)
}

/** Targets for every projection of the attention: q_proj, k_proj, v_proj and o_proj, or what the family calls them. */
export function attentionTargets(model: Model): string[] {
  const { qkv, query, key, value, output } = model.architecture.names
  const wanted = [qkv, query, key, value, output].filter((name) => name !== undefined)
  const first = [...model.modules.keys()].filter((name) => wanted.includes(place(name)))
  return [...new Set(first.map((name) => shortName(model, name)))]
}

/** The names under which `all-linear` is written to an adapter_config.json. */
export function targetList(model: Model, targets: LoraConfig['targets']): string[] {
  if (targets !== 'all-linear') return targets
  return [...new Set([...model.modules.keys()].map((name) => shortName(model, name)))]
}

/**
 * The modules that targets select, as PEFT does: by their whole name or the end of it behind a dot.
 * @throws HoneError E_LORA_TARGET where a target selects none
 */
export function targetModules(model: Model, targets: LoraConfig['targets']): LinearSpec[] {
  const modules = [...model.modules.values()]
  if (targets === 'all-linear') return modules
  const selects = (target: string, name: string) => name === target || name.endsWith(`.${target}`)
  const idle = targets.filter((target) => !modules.some(({ name }) => selects(target, name)))
  if (idle.length > 0 || targets.length === 0) {
    const got = targets.length === 0 ? 'no target is given' : `${idle.map((t) => `'${t}'`).join(', ')} is in no layer`
    const known = [...new Set(modules.map(({ name }) => shortName(model, name)))].join(', ')
    throw new HoneError('E_LORA_TARGET', `LoRA targets: ${got} of this ${model.config.family} model`, {
      help: `Its projections are ${known}; 'all-linear' takes them all.`,
    })
  }
  return modules.filter(({ name }) => targets.some((target) => selects(target, name)))
}

/** @throws HoneError E_CONFIG */
function resolve(model: Model, given: Partial<LoraConfig>): LoraConfig {
  const rank = given.rank ?? 8
  const { alpha = 2 * rank, dropout = 0, rsLora = false, targets = attentionTargets(model) } = given
  const refuse = (what: string) => new HoneError('E_CONFIG', `LoRA: ${what}`)
  if (!Number.isSafeInteger(rank) || rank < 1) throw refuse(`rank is ${rank}, expected a whole number ≥ 1`)
  if (!Number.isFinite(alpha)) throw refuse(`alpha is ${alpha}, expected a finite number`)
  if (!(dropout >= 0 && dropout < 1)) throw refuse(`dropout is ${dropout}, expected 0 ≤ dropout < 1`)
  return { rank, alpha, dropout, rsLora, targets }
}

/**
 * An adapter of this shape with its weights allocated but not written; `putOn` lays it over the model.
 * @throws HoneError E_ADAPTER where the model has one already, E_CONFIG, E_LORA_TARGET
 */
export function allocateAdapter(model: Model, given: Partial<LoraConfig>): Adapter {
  if (model.adapter) {
    throw new HoneError('E_ADAPTER', 'the model has an adapter already, expected none', {
      help: 'Merge it first, or open the base model again.',
    })
  }
  const config = resolve(model, given)
  const scale = config.alpha / (config.rsLora ? Math.sqrt(config.rank) : config.rank)
  const order = [...model.modules.keys()]
  const parameters = new Map<string, Parameter>()
  const overlays = new Map<string, Overlay>()
  for (const { name, inputs, outputs } of targetModules(model, config.targets)) {
    const names = loraNames(name)
    const a = new Parameter(names.a, model.backend, [config.rank, inputs])
    const b = new Parameter(names.b, model.backend, [outputs, config.rank])
    parameters.set(names.a, a).set(names.b, b)
    overlays.set(name, { a, b, scale, dropout: config.dropout, stream: order.indexOf(name) })
  }
  return { kind: 'lora', config, parameters, overlays }
}

/** Freezes the model's own weights, but for a scalar head, and lays the adapter over them. */
export function putOn(model: Model, adapter: Adapter): Adapter {
  for (const parameter of model.parameters.values()) if (parameter !== model.score) parameter.freeze()
  model.setAdapter(adapter)
  return adapter
}

/**
 * LoRA (Hu et al. 2021): freezes the model and lays scale · B·A over the targeted projections (default: those of the
 * attention). As in PEFT, A is drawn uniformly from ±1/√inputs (Kaiming, a = √5) and B is 0, so that at first the model
 * computes what it did before.
 * @throws HoneError E_ADAPTER, E_CONFIG, E_LORA_TARGET
 */
export function attachLora(model: Model, config: Partial<LoraConfig>, { seed }: { seed: number }): Adapter {
  const adapter = allocateAdapter(model, config)
  for (const { a, b } of adapter.overlays.values()) {
    const { unit } = random(seed, a.name)
    const bound = 1 / Math.sqrt(a.shape[1])
    a.write(Float32Array.from({ length: a.size }, (_, i) => bound * (2 * unit(i) - 1)))
    b.write(new Float32Array(b.size))
  }
  return putOn(model, adapter)
}
