import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { sharedFolder } from '../../test/shared.ts'
import {
  type Dtype,
  openCheckpoint,
  openSafetensors,
  readTensorBytes,
  readTensorFloat32,
  type TensorToWrite,
  writeCheckpoint,
  writeSafetensors,
} from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'hone-safetensors-'))
afterAll(() => rmSync(folder, { recursive: true }))
let count = 0
const fresh = (name = `${count++}.safetensors`) => join(folder, name)

/** A file made by hand, so that the reader is not only held against our own writer. */
function byHand(header: unknown, data = 0, length?: bigint): string {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(length ?? BigInt(json.length))
  const path = fresh()
  writeFileSync(path, Buffer.concat([prefix, json, Buffer.alloc(data, 7)]))
  return path
}
const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
})
const tensor = (name: string, dtype: Dtype, shape: number[], bytes: Uint8Array): TensorToWrite => ({
  name,
  dtype,
  shape,
  bytes: () => bytes,
})

describe('reading', () => {
  test('names, shapes, offsets and metadata', async () => {
    const path = byHand(
      { b: f32(8, 16), a: f32(0, 8, [1, 2]), none: f32(16, 16, [0, 3]), __metadata__: { format: 'pt' } },
      16,
    )
    const { tensors, metadata } = await openSafetensors(path)
    expect(metadata).toEqual({ format: 'pt' })
    expect([...tensors.keys()]).toEqual(['a', 'b', 'none'])
    const b = tensors.get('b')!
    expect(b.offset).toBe(readFileSync(path).length - 8)
    expect([...(await readTensorBytes(b, 2, 3))]).toEqual([7, 7, 7])
    expect((await readTensorBytes(tensors.get('none')!)).length).toBe(0)
    await expect(readTensorBytes(b, 4, 8)).rejects.toThrow(/bytes 4..12/)
  })

  test.each<[string, () => string, RegExp]>([
    ['a length beyond the file', () => byHand({}, 0, 99n), /claims 99 bytes, but only 2/],
    ['a length beyond the limit', () => byHand({}, 0, 2n ** 62n), /at most 100000000/],
    ['no JSON', () => byHand('{"a":'), /not valid JSON/],
    ['no object', () => byHand('[1,2]'), /begin with '{'/],
    ['a hole', () => byHand({ a: f32(0, 4), b: f32(8, 12) }, 12), /'b' begins 4 bytes after/],
    ['an overlap', () => byHand({ a: f32(0, 8), b: f32(4, 12) }, 12), /'b' overlaps the one before it by 4/],
    ['truncated data', () => byHand({ a: f32(0, 400) }, 12), /truncated/],
    ['data left over', () => byHand({ a: f32(0, 4) }, 12), /8 bytes follow/],
    [
      'a name twice',
      () =>
        byHand(
          '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
          4,
        ),
      /'a' is described twice/,
    ],
    [
      'bytes that do not fit the shape',
      () => byHand({ a: f32(0, 8, [3]) }, 8),
      /takes 12 bytes, its data_offsets span 8/,
    ],
    ['an unknown dtype', () => byHand({ a: { ...f32(0, 4), dtype: 'F33' } }, 4), /unknown dtype "F33"/],
    ['a dtype from the prototype', () => byHand({ a: { ...f32(0, 4), dtype: 'toString' } }, 4), /unknown dtype/],
    ['a shape that overflows', () => byHand({ a: f32(0, 0, [2 ** 40, 2 ** 40]) }), /2\^53/],
    ['a negative dimension', () => byHand({ a: f32(0, 4, [-1, -1]) }, 4), /dimension -1/],
    ['offsets in reverse', () => byHand({ a: { dtype: 'F32', shape: [1], data_offsets: [4, 0] } }, 4), /span -4/],
    ['metadata that are no strings', () => byHand({ __metadata__: { a: 1 } }), /__metadata__/],
  ])('refuses %s', async (_, make, message) => {
    const path = make()
    const error = await openSafetensors(path).then(
      () => null,
      (thrown) => thrown,
    )
    expect(error).toMatchObject({ name: 'HoneError', code: 'E_CORRUPT' })
    expect(error.message).toMatch(message)
    expect(error.message).toContain(path)
  })

  test('refuses every truncation of a good file', async () => {
    const whole = readFileSync(byHand({ a: f32(0, 8), b: f32(8, 12) }, 12))
    for (let length = 0; length < whole.length; length++) {
      const path = fresh('cut.safetensors')
      writeFileSync(path, whole.subarray(0, length))
      await expect(openSafetensors(path), `${length} bytes`).rejects.toMatchObject({ code: 'E_CORRUPT' })
    }
  })

  test('notices a file that has shrunk since', async () => {
    const path = byHand({ a: f32(0, 8) }, 8)
    const { tensors } = await openSafetensors(path)
    writeFileSync(path, readFileSync(path).subarray(0, -3))
    await expect(readTensorBytes(tensors.get('a')!)).rejects.toThrow(/'a' ends before/)
  })
})

describe('writing', () => {
  test('lays out bytes as the reference does', async () => {
    const path = fresh()
    await writeSafetensors(
      path,
      [
        tensor('9', 'U8', [1], new Uint8Array([9])),
        tensor('b', 'F32', [1], new Uint8Array([1, 2, 3, 4])),
        tensor('a', 'F32', [0], new Uint8Array(0)),
      ],
      { format: 'pt' },
    )
    const header =
      '{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},' +
      '"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"9":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}}'
    const file = readFileSync(path)
    expect(Number(file.readBigUInt64LE()) % 8).toBe(0)
    expect(file.subarray(8, -5).toString().trimEnd()).toBe(header)
    expect([...file.subarray(-5)]).toEqual([1, 2, 3, 4, 9])
  })

  test('takes bytes as they come: at once, later, in pieces', async () => {
    const path = fresh()
    const pieces = async function* () {
      yield new Uint8Array([0, 0])
      yield new Uint8Array([0x80, 0x3f])
    }
    await writeSafetensors(path, [
      { name: 'later', dtype: 'F32', shape: [1], bytes: () => Promise.resolve(new Uint8Array([0, 0, 0, 0x40])) },
      { name: 'pieces', dtype: 'F32', shape: [1], bytes: pieces },
    ])
    const { tensors } = await openSafetensors(path)
    expect((await readTensorFloat32(tensors.get('later')!))[0]).toBe(2)
    expect((await readTensorFloat32(tensors.get('pieces')!))[0]).toBe(1)
  })

  test.each([3, 5])('leaves nothing behind when a tensor gives %i bytes for 4', async (given) => {
    const path = fresh('wrong.safetensors')
    await expect(writeSafetensors(path, [tensor('w', 'F32', [1], new Uint8Array(given))])).rejects.toThrow(/'w' gave/)
    await expect(openSafetensors(path)).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
  })

  test('refuses two tensors of one name', async () => {
    const two = [tensor('w', 'U8', [1], new Uint8Array(1)), tensor('w', 'U8', [1], new Uint8Array(1))]
    await expect(writeSafetensors(fresh(), two)).rejects.toMatchObject({ code: 'E_DUPLICATE' })
    await expect(writeCheckpoint(fresh('twice'), two, { maxShardBytes: 1 })).rejects.toMatchObject({
      code: 'E_DUPLICATE',
    })
  })
})

describe('checkpoints', () => {
  const tensors = ['c', 'a', 'b'].map((name, i) => tensor(name, 'U8', [4], new Uint8Array(4).fill(i)))

  test('one file when it fits, shards with an index when not, and back, without leftovers', async () => {
    const path = fresh('model')
    expect(await writeCheckpoint(path, tensors)).toEqual(['model.safetensors'])
    expect((await openCheckpoint(path)).metadata).toEqual({ format: 'pt' })

    const files = await writeCheckpoint(path, tensors, { maxShardBytes: 9 })
    expect(files).toEqual([
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
      'model.safetensors.index.json',
    ])
    const index = JSON.parse(readFileSync(join(path, files[2]), 'utf8'))
    expect(index).toEqual({
      metadata: { total_size: 12 },
      weight_map: { a: files[0], b: files[1], c: files[0] },
    })
    const opened = await openCheckpoint(path)
    expect(opened.bytes).toBe(12)
    expect(opened.tensors.get('b')!.file).toMatch(/00002-of-00002/)
    for (const [i, name] of ['c', 'a', 'b'].entries())
      expect([...(await readTensorBytes(opened.tensors.get(name)!))]).toEqual([i, i, i, i])

    await writeCheckpoint(path, tensors.slice(0, 1))
    expect([...(await openCheckpoint(path)).tensors.keys()]).toEqual(['c'])
    rmSync(join(path, 'model.safetensors'))
    await expect(openCheckpoint(path)).rejects.toThrow(/it is empty/)
  })

  test('a tensor larger than a shard has one of its own', async () => {
    expect(await writeCheckpoint(fresh('large'), tensors, { maxShardBytes: 1 })).toHaveLength(4)
  })

  test('names all missing shards at once, and tensors out of place', async () => {
    const path = fresh('broken')
    const [first, second, index] = await writeCheckpoint(path, tensors, { maxShardBytes: 9 })
    const change = (map: Record<string, string>) =>
      writeFileSync(join(path, index), JSON.stringify({ weight_map: map }))
    change({ a: first, b: second, c: second, d: first })
    await expect(openCheckpoint(path)).rejects.toThrow(/'c' is in .*the index says .*; 'd' is in no shard/)
    change({ a: '../x.safetensors' })
    await expect(openCheckpoint(path)).rejects.toThrow(/file of its own folder/)
    change({ a: 'x.safetensors', b: 'y.safetensors', c: first })
    await expect(openCheckpoint(path)).rejects.toThrow(/lacks 2 of 3 shards: x.safetensors, y.safetensors/)
    writeFileSync(join(path, index), '{"weight_map":')
    await expect(openCheckpoint(path)).rejects.toMatchObject({ code: 'E_CORRUPT' })
  })

  test('explains a pickle, an adapter and a wrong path', async () => {
    const path = fresh('pickle')
    await writeCheckpoint(path, tensors)
    rmSync(join(path, 'model.safetensors'))
    writeFileSync(join(path, 'adapter_model.safetensors'), '')
    await expect(openCheckpoint(path)).rejects.toMatchObject({ help: expect.stringMatching(/adapter/) })
    writeFileSync(join(path, 'pytorch_model-00001-of-00002.bin'), '')
    await expect(openCheckpoint(path)).rejects.toMatchObject({
      code: 'E_PICKLE',
      help: expect.stringMatching(/safe_serialization/),
    })
    await expect(openCheckpoint(fresh('nowhere'))).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
  })
})

const shared = sharedFolder()
test.runIf(shared)('a file written by the reference is written back byte for byte', async () => {
  for (const name of ['fixture_random_llama_safetensors/model', 'fixture_peft_lora_adapter/adapter_model']) {
    const source = join(shared!, 'data', `${name}.safetensors`)
    const { tensors, metadata } = await openSafetensors(source)
    const copy = fresh()
    const turned = [...tensors.values()].reverse()
    await writeSafetensors(
      copy,
      turned.map((entry) => ({ ...entry, bytes: () => readTensorBytes(entry) })),
      metadata,
    )
    expect(readFileSync(copy).equals(readFileSync(source)), name).toBe(true)
  }
})
