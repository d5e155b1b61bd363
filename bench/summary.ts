import { gflopsOf, shareOfCeiling } from './ceiling.ts'
import type { BenchDocument } from './results.ts'
import { shapes } from './shapes.ts'

/** hone's own figures in the form that other programs read; what was not measured is left out. */
export function summary({ contests, peak }: Pick<BenchDocument, 'contests' | 'peak'>) {
  const rate = (what: string, shape: string, name: string) =>
    contests.find((c) => c.what === what && c.shape === shape)?.outcomes.find((o) => o.name === `hone ${name}`)?.rate
  const trained = (what: string, shape: string, precision: string) => {
    const tokens = rate(what, shape, precision)
    if (tokens === undefined) return undefined
    return {
      tokens_per_second: tokens,
      gflops: gflopsOf({ what, shape }, tokens),
      share_of_peak: shareOfCeiling({ what, shape }, { name: precision, rate: tokens }, peak),
    }
  }
  const decoded = (shape: string, precision: string) =>
    given({ b1: rate('decode 1', shape, precision), b16: rate('decode 16', shape, precision) })
  const shared = (precision: string) => {
    const [together, apart] = [rate('sharing', 'b', precision), rate('sharing', 'b', `${precision} apart`)]
    return together && apart ? apart / together : undefined
  }
  const all = (value: (shape: string) => object | undefined) =>
    given(Object.fromEntries(Object.keys(shapes).map((shape) => [shape, value(shape)])))
  return given({
    train: all((shape) =>
      given({
        f32: trained('train', shape, 'f32'),
        bf16: trained('train', shape, 'bf16'),
        lora_f32: trained('lora', shape, 'f32'),
        lora_bf16: trained('lora', shape, 'bf16'),
      }),
    ),
    decode: all((shape) =>
      given({ f32: decoded(shape, 'f32'), bf16: decoded(shape, 'bf16'), q8_0: decoded(shape, 'q8_0') }),
    ),
    /** Time of a DPO step with shared prompts over that of the step without. */
    sharing: given({ f32: shared('f32'), bf16: shared('bf16') }),
  })
}

/** Without what is undefined; undefined where nothing is left. */
function given<T extends object>(values: T): Partial<T> | undefined {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined)
  return entries.length > 0 ? (Object.fromEntries(entries) as Partial<T>) : undefined
}
