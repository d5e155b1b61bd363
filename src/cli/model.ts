import { z } from 'zod'
import { type OpenModel, type OpenOptions, openModel } from '../engine/index.ts'
import type { Terminal } from './terminal.ts'

/** The keys of every verb that opens a model. */
export const modelKeys = {
  model: z.string().describe('a folder, a hub id owner/name, or tiny'),
  template: z.string().optional().describe("'chatml', 'openchat' or a Jinja file; the model's own unless given"),
  seed: z.int().nonnegative().default(0).describe('of everything that is drawn'),
  precision: z.enum(['f32', 'bf16']).default('f32').describe('of matrix products; sums are f32'),
  quantize: z
    .enum(['q8_0', 'nf4'])
    .optional()
    .describe('keep frozen matrices in 8 bits a weight; nf4: those of the layers in 4'),
  threads: z.int().positive().nullable().default(null).describe('of the kernels; all cores unless given'),
  backend: z.enum(['cpu', 'reference']).default('cpu').describe('reference: slow and in f64, for comparison'),
} as const

export type ModelKeys = z.output<z.ZodObject<typeof modelKeys>>

/** Opens the model of a verb and tells of what takes long: compiling, fetching, reading. */
export async function openForVerb(keys: ModelKeys, terminal: Terminal, more: OpenOptions = {}): Promise<OpenModel> {
  const { model, template, precision, quantize, threads, backend } = keys
  const settings = { template, precision, quantize, backend, threads: threads ?? undefined, signal: terminal.signal }
  const open = await openModel(model, { ...settings, onProgress: (line) => terminal.status(line), ...more })
  terminal.status('')
  return open
}
