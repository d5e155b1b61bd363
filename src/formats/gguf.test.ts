import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { gguf } from '@huggingface/gguf'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { sharedFolder } from '../../test/shared.ts'
import { type GgufContent, type GgufTensorToWrite, openGguf, readGgufTensor, writeGguf } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'hone-gguf-'))
afterAll(() => rmSync(folder, { recursive: true }))
let count = 0
const fresh = () => join(folder, `${count++}.gguf`)

const values = Float32Array.from({ length: 192 }, (_, i) => Math.sin(i) * 3)
const tensors: GgufTensorToWrite[] = (['F32', 'F16', 'BF16', 'Q8_0'] as const).map((type) => ({
  name: `blk.0.${type}.weight`,
  shape: [2, 96],
  type,
  data: () => Promise.resolve(values),
}))
const metadata: GgufContent['metadata'] = {
  'general.architecture': { type: 'string', value: 'llama' },
  'llama.block_count': { type: 'u32', value: 4294967295 },
  'a.negative': { type: 'i64', value: -5 },
  'a.huge': { type: 'u64', value: 2n ** 63n },
  'a.float': { type: 'f32', value: 0.5 },
  'a.flag': { type: 'bool', value: true },
  'a.tokens': { type: 'array', of: 'string', value: ['<s>', 'é', ''] },
  'a.scores': { type: 'array', of: 'f32', value: [0, -1.5] },
  'a.types': { type: 'array', of: 'i32', value: [1, -1] },
  'a.empty': { type: 'array', of: 'string', value: [] },
}

async function write(content: Partial<GgufContent>): Promise<string> {
  const path = fresh()
  await writeGguf(path, { metadata: {}, tensors: [], ...content })
  return path
}

test('what is written is read back, by us and by an independent reader', async () => {
  const path = await write({
    metadata,
    tensors: [{ name: 'odd', shape: [3], type: 'F16', data: () => values.subarray(0, 3) }, ...tensors],
  })
  const file = await openGguf(path)
  expect(Object.fromEntries(file.metadata)).toEqual(metadata)
  expect([...file.tensors.values()].map(({ name, shape, type, offset }) => [name, shape, type, offset % 32])).toEqual([
    ['odd', [3], 'F16', 0],
    ...tensors.map(({ name, type }) => [name, [2, 96], type, 0]),
  ])

  const theirs = await gguf(path, { allowLocalFile: true })
  expect(theirs.metadata).toMatchObject({ version: 3, 'llama.block_count': 4294967295, 'a.tokens': ['<s>', 'é', ''] })
  expect(theirs.metadata['a.types' as never]).toEqual([1, -1])
  // GGML's order: innermost dimension first.
  expect(theirs.tensorInfos[1]).toMatchObject({ name: 'blk.0.F32.weight', shape: [96n, 2n], dtype: 0, n_dims: 2 })
  for (const [i, info] of theirs.tensorInfos.entries())
    expect(Number(theirs.tensorDataOffset) + Number(info.offset)).toBe([...file.tensors.values()][i].offset)

  expect(await readGgufTensor(file.tensors.get('blk.0.F32.weight')!)).toEqual(values)
  expect(await readGgufTensor(file.tensors.get('blk.0.F16.weight')!)).toEqual(
    new Float32Array(new Float16Array(values)),
  )
})

test('metadata longer than the buffers of writer and reader, at every alignment to their ends', async () => {
  for (let extra = 0; extra < 40; extra++) {
    const entries = Array.from({ length: 120 }, (_, i) => [
      [`key ${'x'.repeat(extra)}${i}`, { type: 'u32', value: i }],
      [`list ${i}`, { type: 'array', of: 'i32', value: [i] }],
    ]).flat()
    const path = await write({ metadata: Object.fromEntries(entries) })
    expect([...(await openGguf(path)).metadata]).toEqual(entries)
  }
  const many = Array.from({ length: 120_000 }, (_, i) => `token ${i}`)
  const path = await write({
    metadata: { k: { type: 'array', of: 'string', value: many } },
    tensors: tensors.slice(0, 1),
  })
  const file = await openGguf(path)
  expect(file.metadata.get('k')!.value).toEqual(many)
  expect(await readGgufTensor(file.tensors.get('blk.0.F32.weight')!)).toEqual(values)
})

describe('Q8_0', () => {
  const roundTrip = async (data: Float32Array) => {
    const path = await write({ tensors: [{ name: 'w', shape: [data.length], type: 'Q8_0', data: () => data }] })
    const { tensors } = await openGguf(path)
    const { offset, bytes } = tensors.get('w')!
    return {
      back: await readGgufTensor(tensors.get('w')!),
      stored: readFileSync(path).subarray(offset, offset + bytes),
    }
  }

  test('golden block: scale 1, halves rounded away from zero', async () => {
    const data = new Float32Array(32)
    data.set([127, -127, 0.5, -0.5, 1.5, 2.5, -2.5, 0.49999997])
    const { stored } = await roundTrip(data)
    expect([...stored.subarray(0, 2)]).toEqual([0x00, 0x3c])
    expect([...new Int8Array(stored.subarray(2, 10))]).toEqual([127, -127, 1, -1, 2, 3, -3, 0])
  })

  test('a block of zeros has scale zero', async () => {
    const { back, stored } = await roundTrip(new Float32Array(32))
    expect([...stored]).toEqual(Array(34).fill(0))
    expect([...back]).toEqual(Array(32).fill(0))
  })

  test('values come back within half a step', async () => {
    const numbers = fc.float32Array({ minLength: 32, maxLength: 32, min: -1000, max: 1000, noNaN: true })
    await fc.assert(
      fc.asyncProperty(numbers, async (data) => {
        const { back } = await roundTrip(data)
        const step = Math.max(...data.map(Math.abs)) / 127
        // The scale is stored with 11 bits (or as a subnormal): 127 steps of it are off by up to this much more.
        const slack = 127 * Math.max(step * 2 ** -11, 2 ** -25)
        return data.every((value, i) => Math.abs(value - back[i]) <= step / 2 + slack + 1e-6 * Math.abs(value))
      }),
      { seed: 2, numRuns: 60 },
    )
  })

  test('refuses rows that are no whole blocks, and values without a scale', async () => {
    const bad = (shape: number[], data: Float32Array) =>
      write({ tensors: [{ name: 'w', shape, type: 'Q8_0', data: () => data }] })
    await expect(bad([4, 8], new Float32Array(32))).rejects.toThrow(/'w': Q8_0 needs rows .* multiple of 32/)
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1e7])
      await expect(bad([32], new Float32Array(32).fill(value))).rejects.toMatchObject({ code: 'E_NOT_FINITE' })
  })
})

describe('the writer refuses', () => {
  const one = (change: Partial<GgufTensorToWrite>) => write({ tensors: [{ ...tensors[0], ...change }] })
  test.each<[string, () => Promise<unknown>, RegExp]>([
    ['a name twice', () => write({ tensors: [tensors[0], tensors[0]] }), /already taken/],
    ['a long name', () => one({ name: 'é'.repeat(32) }), /63 bytes/],
    ['five dimensions', () => one({ shape: [1, 1, 1, 2, 96] }), /1 to 4/],
    ['other than the number of values', () => one({ shape: [96] }), /192 values/],
    [
      'a number out of range',
      () => write({ metadata: { k: { type: 'u32', value: -1 } } }),
      /'k' has number -1, expected u32/,
    ],
    ['a fraction for an integer', () => write({ metadata: { k: { type: 'i32', value: 0.5 } } }), /expected i32/],
    ['a wrong item', () => write({ metadata: { k: { type: 'array', of: 'string', value: [1] } } }), /expected string/],
  ])('%s', async (_, work, message) => {
    await expect(work()).rejects.toThrow(message)
  })
})

describe('the reader refuses', () => {
  const good = async () => readFileSync(await write({ metadata, tensors }))
  const open = (bytes: Uint8Array) => {
    const path = fresh()
    writeFileSync(path, bytes)
    return openGguf(path)
  }

  test('every truncation', async () => {
    const bytes = await good()
    for (let length = 0; length < bytes.length; length += length < 1000 ? 1 : 37)
      await expect(open(bytes.subarray(0, length)), `${length} bytes`).rejects.toMatchObject({ code: 'E_CORRUPT' })
  })

  test('counts and lengths that lie, other versions, other magic', async () => {
    const change = async (at: number, value: bigint) => {
      const bytes = await good()
      bytes.writeBigUInt64LE(value, at)
      return open(bytes)
    }
    await expect(change(8, 2n ** 60n)).rejects.toThrow(/claims .* tensors/)
    await expect(change(16, 2n ** 40n)).rejects.toThrow(/claims .* metadata keys/)
    await expect(change(24, 2n ** 63n)).rejects.toThrow(/metadata key 0 needs/)
    await expect(change(0, 0x00000001_46554747n)).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
    await expect(change(0, 0x03000000_46554747n)).rejects.toThrow(/big-endian/)
    await expect(change(0, 0x00000003_00000000n)).rejects.toThrow(/not a GGUF file/)
  })

  test('overlapping tensors', async () => {
    const two = tensors.slice(0, 2)
    const bytes = readFileSync(await write({ tensors: two }))
    const second = bytes.indexOf(two[1].name) + two[1].name.length + 4 + 16 + 4
    expect(bytes.readBigUInt64LE(second)).toBe(768n)
    bytes.writeBigUInt64LE(32n, second)
    await expect(open(bytes)).rejects.toThrow(/overlap/)
  })
})

const shared = sharedFolder()
test.runIf(shared)('vocabulary files of llama.cpp', async () => {
  const tokens: Record<string, number> = {}
  for (const name of ['gpt-2', 'llama-spm', 'phi-3', 'bert-bge']) {
    const path = fresh()
    writeFileSync(path, gunzipSync(readFileSync(join(shared!, 'data/tokenizers', `ggml-vocab-${name}.gguf.gz`))))
    const { metadata } = await openGguf(path)
    tokens[name] = (metadata.get('tokenizer.ggml.tokens')!.value as string[]).length
    if (name === 'gpt-2') {
      const theirs = await gguf(path, { allowLocalFile: true })
      for (const [key, { value }] of metadata) expect(theirs.metadata[key as never], key).toEqual(value)
    }
  }
  expect(tokens).toEqual({ 'gpt-2': 50257, 'llama-spm': 32000, 'phi-3': 32064, 'bert-bge': 30522 })
})
