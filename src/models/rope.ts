import { HoneError } from '../base/index.ts'
import type { Rope, RopeScaling } from './architecture.ts'
import type { ConfigReader } from './config-reader.ts'

/** Rotary settings as config.json spells them: `rope_parameters`, or `rope_scaling` with `rope_theta` beside it. */
function settings(config: ConfigReader, defaultTheta: number): ConfigReader {
  const key = config.has('rope_parameters') ? 'rope_parameters' : 'rope_scaling'
  const inner = config.has(key) ? config.object(key) : config.nested(key, {})
  const nested = ['full_attention', 'sliding_attention'].find((kind) => inner.has(kind))
  if (nested) throw new HoneError('E_CONFIG', `${inner.where}: settings for ${nested} layers alone are not supported`)
  const outer = { rope_theta: config.number('rope_theta', defaultTheta) }
  const partial = config.has('partial_rotary_factor')
    ? { partial_rotary_factor: config.number('partial_rotary_factor') }
    : {}
  return config.nested(key, { ...outer, ...partial, ...inner.raw })
}

interface Scaled {
  frequencies: number[]
  factor: number
  scaling: RopeScaling
}

const scalings: Record<string, (base: number[], s: ConfigReader, config: ConfigReader) => Scaled> = {
  default: (base) => ({ frequencies: base, factor: 1, scaling: { type: 'default' } }),

  linear: (base, s) => {
    const factor = s.number('factor')
    return { frequencies: base.map((f) => f / factor), factor: 1, scaling: { type: 'linear', factor } }
  },

  /** Llama 3.1: low frequencies divided by `factor`, high ones kept, a smooth passage between. */
  llama3: (base, s, config) => {
    const factor = s.number('factor')
    const low = s.number('low_freq_factor')
    const high = s.number('high_freq_factor')
    const original = originalLength(s, config)
    const frequencies = base.map((f) => {
      const turns = (original * f) / (2 * Math.PI)
      if (turns > high) return f
      if (turns < low) return f / factor
      const smooth = (turns - low) / (high - low)
      return (1 - smooth) * (f / factor) + smooth * f
    })
    return { frequencies, factor: 1, scaling: { type: 'llama3', factor } }
  },

  /**
   * LongRoPE (Ding et al. 2024), with the factors for paths up to the original length. The other set would change every
   * angle once a path grows past that length, also those of keys already cached, so such paths are out of the context.
   */
  longrope: (base, s, config) => {
    const original = originalLength(s, config)
    const short = s.numbers('short_factor', base.length)
    const long = s.numbers('long_factor', base.length)
    const longest = config.integer('max_position_embeddings')
    const stretch = s.has('factor') ? s.number('factor') : longest / original
    const standard = stretch <= 1 ? 1 : Math.sqrt(1 + Math.log(stretch) / Math.log(original))
    return {
      frequencies: base.map((f, i) => f / short[i]),
      factor: s.number('attention_factor', standard),
      scaling: { type: 'longrope', short, long, originalLength: original, longest },
    }
  },
}

/** Phi-3 and some others keep it outside the rotary settings; there it counts first. */
const originalLength = (s: ConfigReader, config: ConfigReader) =>
  config.has('original_max_position_embeddings')
    ? config.integer('original_max_position_embeddings')
    : s.integer('original_max_position_embeddings')

/**
 * The rotary embedding that a config.json asks for, and the longest path for which it holds.
 * @throws HoneError E_CONFIG naming a scaling that is not supported, and those that are.
 */
export function readRope(
  config: ConfigReader,
  headWidth: number,
  defaultTheta = 10000,
): { rope: Rope; contextLength: number } {
  const s = settings(config, defaultTheta)
  const named = s.text('rope_type', s.text('type', 'default'))
  const type = named === 'su' ? 'longrope' : named
  const scaling = Object.hasOwn(scalings, type) ? scalings[type] : undefined
  if (!scaling) {
    const known = Object.keys(scalings).join(', ')
    throw new HoneError('E_CONFIG', `${config.where}: rotary scaling '${named}' is not supported, expected ${known}`)
  }
  const theta = s.number('rope_theta')
  const rotated = Math.floor(headWidth * s.number('partial_rotary_factor', 1))
  if (rotated < 2 || rotated % 2 !== 0 || rotated > headWidth) {
    throw new HoneError(
      'E_CONFIG',
      `${config.where}: ${rotated} of ${headWidth} values of a head rotate, expected pairs`,
    )
  }
  const base = Array.from({ length: rotated / 2 }, (_, i) => 1 / theta ** ((2 * i) / rotated))
  const rope: Rope = { ...scaling(base, s, config), theta }
  if (!rope.frequencies.every(Number.isFinite) || !Number.isFinite(rope.factor)) {
    throw new HoneError('E_CONFIG', `${config.where}: the rotary settings give frequencies that are not finite`)
  }
  const longest = config.integer('max_position_embeddings')
  return {
    rope: { ...rope, frequencies: rope.frequencies.map(Math.fround) },
    contextLength: type === 'longrope' ? Math.min(longest, originalLength(s, config)) : longest,
  }
}
