import { z } from 'zod'
import { baseName, extension, HoneError, joinPath, parentPath, platform } from '../base/index.ts'
import { type OpenModel, openModel } from '../engine/index.ts'
import { exportGguf, exportHuggingFace, exportPeft } from '../export/index.ts'
import { modelKeys } from './model.ts'
import { checkFolder, writeFolder } from './output-folder.ts'
import type { Terminal } from './terminal.ts'
import { verb } from './verb.ts'

const options = z.strictObject({
  model: modelKeys.model,
  format: z.enum(['hf', 'gguf', 'peft']).describe('hf: Hugging Face, an adapter merged; peft: the adapter alone'),
  out: z.string().describe('folder to write; for gguf also a file .gguf'),
  dtype: z.enum(['f32', 'bf16', 'f16', 'q8_0']).optional().describe("of the weights; hf: the model's own, gguf: f16"),
  overwrite: z.boolean().default(false).describe('replace an earlier export'),
  threads: modelKeys.threads,
  backend: modelKeys.backend,
})
type Keys = z.output<typeof options>
type Dtype = Keys['dtype']

export default verb({
  summary: 'write a model for other tools: a Hugging Face folder, a GGUF file, or a PEFT adapter',
  options,
  main: ['model', 'format', 'out', 'dtype', 'overwrite'],
  placeholders: { model: 'MODEL', out: 'DIR' },
  example: ['hone export --model tiny --format gguf --out exported dtype=q8_0'],
  async run(keys, terminal) {
    const { format, out, overwrite } = keys
    const dtype = checkDtype(format, keys.dtype)
    if (format !== 'gguf') await checkFolder(out, { overwrite })
    await using open = await openForExport(keys, terminal)
    if (format === 'peft' && !open.model.adapter) {
      throw new HoneError('E_ADAPTER', `${open.folder} is no adapter, expected one for --format peft`, {
        help: 'Train one with --adapter lora, or export with --format hf.',
      })
    }
    terminal.status(`writing ${out}`)
    const written = format === 'gguf' ? await gguf(open, keys, dtype, terminal) : out
    if (format === 'hf') await writeMerged(open, keys, dtype, terminal)
    if (format === 'peft') {
      const files = open.tokenizer.files()
      await writeFolder(out, { overwrite }, (folder) => exportPeft(open.model, folder, { base: open.base, files }))
    }
    terminal.status('')
    terminal.print(written)
    return { document: { out: written, format } }
  },
})

/** @throws HoneError E_CONFIG where a format cannot store it */
function checkDtype(format: Keys['format'], dtype: Dtype): Dtype {
  const known = { hf: ['f32', 'bf16', 'f16'], gguf: ['f32', 'f16', 'q8_0'], peft: ['f32'] }[format]
  if (dtype === undefined || known.includes(dtype)) return dtype
  throw new HoneError('E_CONFIG', `dtype: got ${dtype}, expected one of ${known.join(', ')} for --format ${format}`)
}

export const openForExport = (
  { model, threads, backend }: Pick<Keys, 'model' | 'threads' | 'backend'>,
  { signal, status }: Terminal,
): Promise<OpenModel> => openModel(model, { threads: threads ?? undefined, backend, signal, onProgress: status })

/** The whole model, an adapter merged into it, in Hugging Face's format. */
export async function writeMerged(
  { model, tokenizer, base }: OpenModel,
  { out, overwrite }: { out: string; overwrite: boolean },
  dtype: Dtype,
  { signal }: Terminal,
): Promise<void> {
  const settings = { dtype: dtype as 'f32' | undefined, files: tokenizer.files(), sourceFolder: base, signal }
  await writeFolder(out, { overwrite }, (folder) => exportHuggingFace(model, folder, settings))
}

async function gguf(open: OpenModel, { out, overwrite }: Keys, dtype: Dtype, { signal }: Terminal): Promise<string> {
  const type = (dtype ?? 'f16') as 'f32' | 'f16' | 'q8_0'
  const name = baseName(open.folder)
  const file = extension(out) === 'gguf' ? out : joinPath(out, `${name}-${type}.gguf`)
  if (!overwrite && (await platform().stat(file))) {
    throw new HoneError('E_EXISTS', `${file} exists`, { help: 'Replace it with --overwrite, or choose another name.' })
  }
  const folder = parentPath(file)
  const isNew = !(await platform().stat(folder))
  const chatTemplate = open.template?.source ?? null
  try {
    await platform().makeFolder(folder)
    await exportGguf(open.model, file, { type, tokenizer: open.tokenizer, chatTemplate, name, signal })
  } catch (error) {
    if (isNew) await platform().remove(folder)
    throw error
  }
  return file
}
