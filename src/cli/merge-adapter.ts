import { z } from 'zod'
import { HoneError } from '../base/index.ts'
import { openForExport, writeMerged } from './export.ts'
import { modelKeys } from './model.ts'
import { checkFolder } from './output-folder.ts'
import { verb } from './verb.ts'

export default verb({
  summary: 'fold an adapter into its base model and write the whole as a Hugging Face folder',
  options: z.strictObject({
    model: z.string().describe('folder of the adapter, whose base is named in its adapter_config.json'),
    out: z.string().describe('folder to write'),
    dtype: z.enum(['f32', 'bf16', 'f16']).optional().describe("of the weights; the base model's own unless given"),
    overwrite: z.boolean().default(false).describe('replace an earlier export'),
    threads: modelKeys.threads,
    backend: modelKeys.backend,
  }),
  main: ['model', 'out', 'dtype', 'overwrite'],
  placeholders: { model: 'ADAPTER', out: 'DIR' },
  example: [
    `echo '{"messages": [{"role": "user", "content": "Say hi."}, {"role": "assistant", "content": "Hi!"}]}' > chats.jsonl`,
    'hone train sft --model tiny --data chats.jsonl --adapter lora --out runs/lora',
    'hone merge-adapter --model runs/lora --out merged',
  ],
  async run(keys, terminal) {
    await checkFolder(keys.out, keys)
    await using open = await openForExport(keys, terminal)
    if (!open.model.adapter) {
      throw new HoneError('E_ADAPTER', `${open.folder} is no adapter: it has no adapter_config.json`, {
        help: 'Give the folder of an adapter, or use `hone export`.',
      })
    }
    await writeMerged(open, keys, keys.dtype, terminal)
    terminal.print(keys.out)
    return { document: { out: keys.out, base: open.base } }
  },
})
