import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { random } from '../src/base/index.ts'
import { exportHuggingFace } from '../src/export/index.ts'
import { initModel } from '../src/models/index.ts'
import { openReferenceBackend } from '../src/tensor/index.ts'
import { CHATML_TEMPLATE, trainBpe } from '../src/text/index.ts'

const hone = fileURLToPath(new URL('../bin/hone.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'hone-resume-'))

const words = ['lamp', 'river', 'stone', 'cloud', 'paper', 'green', 'seven', 'north']
const draw = random(2, 'resume test')
const phrase = (i: number, j: number) =>
  words
    .slice(0, 2 + draw.below(5, i, j))
    .map((_, k) => words[draw.below(8, i, j, k)])
    .join(' ')
const turn = (role: string, content: string) => ({ role, content })

/** Makes a small model and its data before the tests of a file, and removes all after them. */
export function prepare(): void {
  afterAll(() => rmSync(folder, { recursive: true }))
  beforeAll(makeInputs)
}

async function makeInputs(): Promise<void> {
  const texts = Array.from({ length: 50 }, (_, i) => phrase(i, 0))
  const tokenizer = trainBpe(texts, { vocabSize: 320, specialTokens: ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] })
  const config = {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    vocab_size: 320,
    hidden_size: 32,
    intermediate_size: 48,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: 128,
    rms_norm_eps: 1e-5,
    hidden_act: 'silu',
    tie_word_embeddings: true,
    torch_dtype: 'float32',
    eos_token_id: 2,
  }
  const settings = { eos_token: '<|im_end|>', bos_token: '<|endoftext|>', chat_template: CHATML_TEMPLATE }
  const files = [
    { name: 'tokenizer.json', content: JSON.stringify(tokenizer) },
    { name: 'tokenizer_config.json', content: JSON.stringify(settings) },
  ]
  const model = initModel(config, { backend: openReferenceBackend(), seed: 1 })
  await exportHuggingFace(model, join(folder, 'model'), { files })
  const rows = (make: (i: number) => object) =>
    Array.from({ length: 40 }, (_, i) => `${JSON.stringify(make(i))}\n`).join('')
  writeFileSync(
    join(folder, 'chats.jsonl'),
    rows((i) => ({ messages: [turn('user', phrase(i, 1)), turn('assistant', phrase(i, 2))] })),
  )
  writeFileSync(
    join(folder, 'pairs.jsonl'),
    rows((i) => ({
      prompt: [turn('user', phrase(i, 1))],
      chosen: [turn('assistant', phrase(i, 2))],
      rejected: [turn('assistant', phrase(i, 3))],
    })),
  )
}

const env = { ...process.env, HONE_THREADS: '1', NODE_NO_WARNINGS: '1' }
const command = (verb: string, out: string, more: string[]) => [
  hone,
  ...[
    'train',
    verb,
    '--model',
    join(folder, 'model'),
    '--data',
    join(folder, verb === 'sft' ? 'chats.jsonl' : 'pairs.jsonl'),
  ],
  ...[
    '--out',
    join(folder, out),
    '--quiet',
    'batchSize=4',
    'learningRate=1e-3',
    'evalFraction=0.2',
    'evalEvery=7',
    ...more,
  ],
]

/** Runs to the end, or until `doomed` says so; gives its exit code, or null. */
function run(args: string[], doomed?: () => boolean): Promise<{ code: number | null; stderr: string }> {
  return new Promise((resolve) => {
    const child: ChildProcess = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr?.on('data', (part) => (stderr += part))
    const watch = doomed && setInterval(() => doomed() && child.kill('SIGKILL'), 2)
    child.on('close', (code) => {
      clearInterval(watch)
      resolve({ code, stderr })
    })
  })
}

/** Lines of a run's events so far. */
function eventLines(out: string): number {
  const path = join(folder, out, 'run', 'events.jsonl')
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0
}

/** Everything that a run leaves, but for times and speeds. */
function result(out: string) {
  const path = join(folder, out)
  const files = readdirSync(path).filter((name) => name !== 'run')
  const events = readFileSync(join(path, 'run', 'events.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const { time: _, seconds: __, created: ___, ...event } = JSON.parse(line)
      return event
    })
  const report = JSON.parse(readFileSync(join(path, 'run', 'report.json'), 'utf8'))
  return {
    files,
    events,
    steps: report.steps,
    loss: report.loss,
    weights: readFileSync(join(path, largest(files))).toString('base64'),
  }
}
const largest = (files: string[]) => files.find((name) => name.endsWith('.safetensors')) ?? ''

/** Kills a training at random moments, resumes it, and compares all it leaves with that of an unbroken one. */
export function killAndResume(name: string, verb: 'sft' | 'dpo' | 'reward', keys: string[]): void {
  test(`${name}: killed at random moments and resumed, it ends with the same bits as unbroken`, async () => {
    const id = name.replace(/\W/g, '')
    expect(await run(command(verb, `${id}-whole`, keys))).toEqual({ code: 0, stderr: '' })
    const out = `${id}-killed`
    let kills = 0
    for (let attempt = 0; attempt < 5; attempt++) {
      // Some updates on from where it stands, and a moment more, so that it falls anywhere in an update or a checkpoint.
      const at = eventLines(out) + 1 + draw.below(9, attempt, id.length, 9)
      let last = 4 * draw.unit(attempt, id.length, 10)
      const { code } = await run(command(verb, out, [...keys, '--resume']), () => eventLines(out) >= at && --last < 0)
      if (code === null) kills++
    }
    expect(kills).toBeGreaterThan(2)
    expect(await run(command(verb, out, [...keys, '--resume']))).toEqual({ code: 0, stderr: '' })
    expect(result(`${id}-killed`)).toEqual(result(`${id}-whole`))
  })
}

/** Raises `steps` of a finished run, and tries to change another key. */
export function lengthen(): void {
  test('lengthening a finished run goes on from its end, and other keys are refused', async () => {
    const args = (steps: number, ...more: string[]) =>
      command('sft', 'longer', [`steps=${steps}`, 'schedule=constant', 'warmup=0', ...more])
    expect((await run(args(10, 'saveEvery=5'))).code).toBe(0)
    cpSync(join(folder, 'longer'), join(folder, 'before'), { recursive: true })
    const again = await run(args(10, 'saveEvery=5', '--resume'))
    expect(again.code).toBe(0)
    expect(result('longer')).toEqual(result('before'))
    const changed = await run(args(10, 'saveEvery=5', 'seed=4', '--resume'))
    expect(changed.code).toBe(2)
    expect(changed.stderr).toMatch(/seed/)
    expect((await run(args(14, 'saveEvery=5', '--resume'))).code).toBe(0)
    expect(result('longer').steps).toBe(14)
  })
}
