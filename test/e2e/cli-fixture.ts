import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect } from 'vitest'
import { exportHuggingFace } from '../../src/export/index.ts'
import { initModel } from '../../src/models/index.ts'
import { openReferenceBackend } from '../../src/tensor/index.ts'
import { CHATML_TEMPLATE, trainBpe } from '../../src/text/index.ts'

const bin = fileURLToPath(new URL('../../bin/hone.js', import.meta.url))

const vocabSize = 300
export const contextLength = 128

export const turn = (role: string, content: string) => ({ role, content })
export const chat = (question: string, answer: string) => ({
  messages: [turn('user', question), turn('assistant', answer)],
})

/** A folder that holds `model`, a tiny one with random weights, and data; removed by `clean`. */
export async function makeFixture() {
  const folder = mkdtempSync(join(tmpdir(), 'hone-cli-'))
  const words = ['red', 'green', 'blue', 'lamp', 'stone', 'river']
  const texts = words.flatMap((a) => words.map((b) => `${a} ${b} ${a}`))
  const specialTokens = ['<|endoftext|>', '<|im_start|>', '<|im_end|>']
  const tokenizer = trainBpe(texts, { vocabSize, specialTokens })
  const settings = { bos_token: '<|endoftext|>', eos_token: '<|im_end|>', chat_template: CHATML_TEMPLATE }
  const config = {
    ...{ model_type: 'llama', architectures: ['LlamaForCausalLM'], hidden_act: 'silu', torch_dtype: 'float32' },
    ...{ vocab_size: vocabSize, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 1, rms_norm_eps: 1e-5 },
    ...{ num_attention_heads: 2, num_key_value_heads: 1, max_position_embeddings: contextLength, eos_token_id: 2 },
    tie_word_embeddings: true,
  }
  const files = [
    { name: 'tokenizer.json', content: JSON.stringify(tokenizer) },
    { name: 'tokenizer_config.json', content: JSON.stringify(settings) },
  ]
  const backend = openReferenceBackend()
  const model = initModel(config, { backend, seed: 1 })
  await exportHuggingFace(model, join(folder, 'model'), { files })
  model.dispose()
  backend.close()
  const write = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(folder, name), content)
    return name
  }
  const jsonl = (name: string, rows: readonly unknown[]) =>
    write(name, rows.map((row) => `${typeof row === 'string' ? row : JSON.stringify(row)}\n`).join(''))
  const shades = texts.slice(0, 12)
  jsonl(
    'chats.jsonl',
    shades.map((text, i) => chat(text, words[i % 6])),
  )
  jsonl(
    'pairs.jsonl',
    shades.map((prompt, i) => ({ prompt, chosen: words[i % 6], rejected: words[(i + 1) % 6] })),
  )
  jsonl(
    'texts.jsonl',
    shades.map((text) => ({ text })),
  )
  return {
    folder,
    write,
    jsonl,
    makeFolder: (name: string) => mkdirSync(join(folder, name), { recursive: true }),
    path: (...parts: string[]) => join(folder, ...parts),
    clean: () => rmSync(folder, { recursive: true, force: true }),
  }
}
export type Fixture = Awaited<ReturnType<typeof makeFixture>>

/** All paths below a folder, sorted. */
export function tree(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    return [path, ...(statSync(path).isDirectory() ? tree(path) : [])]
  })
}

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

export interface HoneOptions {
  cwd: string
  env?: Record<string, string>
  input?: string
  /** Another program to run in the place of bin/hone.js. */
  entry?: string
  /** Flags of the Node that starts it. */
  flags?: string[]
  onStart?: (child: ChildProcess) => void
}

/** Runs `hone` as a shell would and waits for its end. */
export function hone(
  args: readonly string[],
  { cwd, env, input, entry = bin, flags = [], onStart }: HoneOptions,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...flags, entry, ...args], {
      cwd,
      env: { ...process.env, HONE_THREADS: '1', NO_COLOR: '1', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => (stdout += part))
    child.stderr.setEncoding('utf8').on('data', (part: string) => (stderr += part))
    child.stdin.on('error', () => {})
    child.stdin.end(input ?? '')
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
    onStart?.(child)
  })
}

/** The fixture of one test file, there while its tests run, and two ways to call `hone` in it. */
export function useFixture() {
  const at = {} as Fixture
  beforeAll(async () => void Object.assign(at, await makeFixture()))
  afterAll(() => at.clean())
  const run = (args: readonly string[], more: Partial<HoneOptions> = {}): Promise<Ended> =>
    hone(args, { cwd: at.folder, ...more })
  /** The one document on stdout of a call that went well. */
  async function document(args: readonly string[], more: Partial<HoneOptions> = {}) {
    const { code, stdout, stderr } = await run([...args, '--json'], more)
    expect([code, stderr.match(/^error.*/m)?.[0]]).toEqual([0, undefined])
    return JSON.parse(stdout)
  }
  return { at, run, document }
}
