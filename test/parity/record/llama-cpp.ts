/**
 * Compares the tokens that llama.cpp chooses from exported GGUF files with those that hone chooses.
 *
 *     node test/parity/record/llama-cpp.ts NODE_LLAMA_CPP [MODEL …]
 *
 * NODE_LLAMA_CPP is the folder of an installed package `node-llama-cpp` with its prebuilt binaries, which is no dependency
 * of this project. For each MODEL folder, f16 and q8_0 files are compared over 100 greedy tokens. Without one, every
 * recorded family is: at each position of its golden ids, the next token after all ids before it, from the f32 file.
 * Windows that llama.cpp does not heed are taken out, and what it has fixed (Gemma's scale, GPT-2's activation) is put in.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { exportGguf } from '../../../src/export/index.ts'
import { copyParameters, initModel, loadModel, type Model } from '../../../src/models/index.ts'
import { openBackend } from '../../../src/tensor/index.ts'
import { loadTokenizer, type Tokenizer, tokenizerFromJson } from '../../../src/text/index.ts'
import { fixtureFolder, golden, sequenceLogits } from '../../models.ts'

const [packageFolder, ...modelFolders] = process.argv.slice(2)
if (!packageFolder) throw new Error('usage: node test/parity/record/llama-cpp.ts NODE_LLAMA_CPP [MODEL …]')
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(join(packageFolder, 'dist/index.js')).href)
const llama = await getLlama({ build: 'never', gpu: false, logLevel: LlamaLogLevel.error, maxThreads: 1 })
const backend = await openBackend({ threads: 1 })
const folder = mkdtempSync(join(tmpdir(), 'hone-llama-cpp-'))

/** The token that llama.cpp chooses after each of several beginnings, or a greedy continuation of one. */
async function chosen(file: string, beginnings: number[][], length = 1): Promise<number[]> {
  const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 })
  const context = await model.createContext({ contextSize: 256, sequences: 1 })
  const tokens: number[] = []
  for (const ids of beginnings) {
    const sequence = context.getSequence()
    await sequence.clearHistory()
    let count = 0
    for await (const token of sequence.evaluate(ids, { temperature: 0, yieldEogToken: true })) {
      tokens.push(token)
      if (++count === length) break
    }
    sequence.dispose()
  }
  await context.dispose()
  await model.dispose()
  return tokens
}

const largest = (row: number[]) => row.indexOf(Math.max(...row))

async function compareModel(path: string): Promise<void> {
  const tokenizer = await loadTokenizer(path)
  const model = await loadModel(path, { backend, train: 'none' })
  const begin = tokenizer.bos ?? 0
  const ids = [begin]
  for (let i = 0; i < 100; i++) ids.push(largest((await sequenceLogits(model, ids, [i]))[0]))
  for (const type of ['f16', 'q8_0'] as const) {
    const file = join(folder, `${type}.gguf`)
    await exportGguf(model, file, { type, tokenizer })
    report(`${path} ${type}`, await chosen(file, [[begin]], 100), ids.slice(1))
  }
  model.dispose()
}

/** The fixture's weights under a config that llama.cpp can compute. */
async function runnable(name: string): Promise<Model> {
  const source = await loadModel(fixtureFolder(name), { backend, train: 'none' })
  const config = JSON.parse(readFileSync(join(fixtureFolder(name), 'config.json'), 'utf8'))
  const longrope = { original_max_position_embeddings: 512, max_position_embeddings: 1024 }
  const model = initModel(
    {
      ...config,
      ...(name === 'gemma2' ? { query_pre_attn_scalar: config.head_dim } : { sliding_window: null, layer_types: null }),
      ...(name === 'gpt2-variant' ? { activation_function: 'gelu_new', scale_attn_by_inverse_layer_idx: false } : {}),
      // llama.cpp chooses the factors by the size of its context, which is at least 256.
      ...(name === 'phi3-longrope' ? longrope : {}),
    },
    { backend, seed: 0 },
  )
  await copyParameters(source, model)
  source.dispose()
  return model
}

async function compareFixture(name: string, tokenizer: Tokenizer): Promise<void> {
  const model = await runnable(name)
  const { ids } = golden(name)
  const file = join(folder, 'fixture.gguf')
  await exportGguf(model, file, { type: 'f32', tokenizer })
  const rows = ids.map((_, row) => row)
  const ours = (await sequenceLogits(model, ids, rows)).map(largest)
  report(
    name,
    await chosen(
      file,
      rows.map((row) => ids.slice(0, row + 1)),
    ),
    ours,
  )
  model.dispose()
}

function report(what: string, theirs: number[], ours: number[]): void {
  const same = ours.filter((token, i) => token === theirs[i]).length
  console.log(`${what}: ${same} of ${ours.length} tokens agree`)
}

try {
  for (const path of modelFolders) await compareModel(path)
  if (modelFolders.length === 0) {
    const tokens = ['<unk>', '<s>', '</s>', '<0x0A>', '<0x20>', '▁', ...'abcdefghijklmnopqrstuvwxyz', 'ab']
    const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]))
    const model = { type: 'BPE', vocab, merges: ['a b'], unk_token: '<unk>', byte_fallback: true }
    const tokenizer = tokenizerFromJson({ model, decoder: { type: 'Fuse' } }, { bos_token: '<s>', eos_token: '</s>' })
    const names = readdirSync(fixtureFolder('.')).filter((name) => !name.startsWith('lora-'))
    for (const name of names) await compareFixture(name, tokenizer)
  }
} finally {
  rmSync(folder, { recursive: true })
  backend.close()
  await llama.dispose()
}
