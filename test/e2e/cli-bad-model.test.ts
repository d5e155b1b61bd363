import { cpSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { hone, tree, useFixture } from './cli-fixture.ts'
import { expectRefusal, type Refusal } from './cli-refusal.ts'

const { at } = useFixture()

/** A copy of the model with one file changed. */
function spoiledModel(name: string, spoil: (path: (file: string) => string) => void): string[] {
  cpSync(at.path('model'), at.path(name), { recursive: true })
  spoil((file) => at.path(name, file))
  return ['train', 'sft', '--model', name, '--data', 'chats.jsonl', '--out', 'out']
}

/** Changes the JSON header of a safetensors file, or the length it claims. */
function spoilHeader(path: string, change: (header: Buffer) => { header: Buffer; length?: bigint }): void {
  const bytes = readFileSync(path)
  const end = 8 + Number(bytes.readBigUInt64LE())
  const { header, length } = change(bytes.subarray(8, end))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(length ?? BigInt(header.length))
  writeFileSync(path, Buffer.concat([size, header, bytes.subarray(end)]))
}

const sft = (out: string, ...keys: string[]) => [
  'train',
  'sft',
  '--model',
  'model',
  '--data',
  'chats.jsonl',
  '--out',
  out,
  'batchSize=4',
  ...keys,
]

const refusals: Record<string, Refusal> = {
  'truncated weights': {
    args: () => spoiledModel('cut', (path) => truncateSync(path('model.safetensors'), 5000)),
    says: [/cut\/model\.safetensors/],
  },
  'weights whose header lies about its size': {
    args: () =>
      spoiledModel('liar', (path) =>
        spoilHeader(path('model.safetensors'), (header) => ({ header, length: 2n ** 60n })),
      ),
    says: [/liar\/model\.safetensors/],
  },
  'weights whose header is no JSON': {
    args: () =>
      spoiledModel('garbled', (path) =>
        spoilHeader(path('model.safetensors'), (header) => ({ header: Buffer.from(header).fill('x', 0, 9) })),
      ),
    says: [/garbled\/model\.safetensors/, /header/],
  },
  'a tensor of another shape': {
    args: () =>
      spoiledModel('misshapen', (path) => {
        const config = JSON.parse(readFileSync(path('config.json'), 'utf8'))
        writeFileSync(path('config.json'), JSON.stringify({ ...config, intermediate_size: 32 }))
      }),
    says: [/gate_proj/, /24/, /32/],
  },
  'a tokenizer of another model': {
    args: () =>
      spoiledModel('foreign', (path) => {
        const json = JSON.parse(readFileSync(path('tokenizer.json'), 'utf8'))
        for (let id = 300; id < 400; id++) json.model.vocab[`extra${id}`] = id
        writeFileSync(path('tokenizer.json'), JSON.stringify(json))
      }),
    says: [/foreign/, /tokenizer/, /300/, /400/],
  },
}

test.concurrent.each(Object.entries(refusals))('%s', (_, refusal) => expectRefusal(at, refusal))

test('a full disk ends the run with what was good before', async () => {
  const entry = fileURLToPath(new URL('cli-full-disk.ts', import.meta.url))
  const line = sft('full', 'saveEvery=2', 'epochs=30')
  const { code, stderr } = await hone(line, {
    cwd: at.folder,
    entry,
    env: { HONE_TEST_FULL_AT: '30' },
  })
  expect(stderr).toMatch(/^error: .*no space left/m)
  expect(stderr).toMatch(/checkpoint/)
  expect(code).toBe(2)
  const left = tree(at.path('full')).map((path) => path.slice(at.path('full').length))
  expect(left.filter((path) => /^\/(config\.json|model)/.test(path))).toEqual([])
  expect(left.filter((path) => /checkpoints\/step-\d+$/.test(path)).length).toBeGreaterThan(0)
  expect(left.filter((path) => /checkpoints\/\.new|\.tmp$/.test(path))).toEqual([])
})

test('a loss that is no number stops the run, keeps the last good checkpoint and names the batch', async () => {
  const line = sft('wild', 'learningRate=1e30', 'clip=0', 'warmup=0', 'epochs=20', 'saveEvery=1')
  const { code, stderr } = await hone(line, { cwd: at.folder })
  expect(stderr).toMatch(/^error: .*(NaN|Infinity)/m)
  expect(stderr).toMatch(/batch of rows \d|update \d/)
  const kept = /checkpoint of update (\d+) is kept/.exec(stderr)?.[1]
  const checkpoints = tree(at.path('wild')).flatMap((path) => /checkpoints\/step-0*(\d+)$/.exec(path)?.[1] ?? [])
  expect(kept).toBe(checkpoints.at(-1))
  expect(code).toBe(2)
  expect(tree(at.path('wild')).some((path) => path.endsWith('/wild/config.json'))).toBe(false)
})
