/**
 * Hostile bytes for every reader: random ones, and good files with bytes changed, cut out, put in or cut off. A reader may
 * succeed or throw a HoneError; anything else, a hang, or memory out of proportion, is a defect. `HONE_FUZZ` sets the
 * number of inputs a reader (200), `HONE_FUZZ_SEED` the seed.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HoneError, type Platform, platform, setPlatform } from '../base/index.ts'
import {
  openCheckpoint,
  openGguf,
  openRowIndex,
  openSafetensors,
  readGgufTensor,
  readRows,
  readTensorBytes,
  writeGguf,
  writeSafetensors,
} from './index.ts'

const inputs = Number(process.env['HONE_FUZZ'] ?? 200)
const seed = Number(process.env['HONE_FUZZ_SEED'] ?? 20261123)
/** A single small input has no business taking longer, or adding more resident memory, than this. */
const SLOWEST_MS = 5000
const MOST_BYTES = 1 << 30

const folder = mkdtempSync(join(tmpdir(), 'hone-fuzz-'))
const machine = platform()
beforeAll(() => void (process.env['HONE_CACHE'] = join(folder, 'cache')))
afterAll(() => {
  setPlatform(machine)
  rmSync(folder, { recursive: true })
})

/** Files in memory, because thousands of inputs would spend their time on the disk; unpacking is the machine's own. */
function inMemory(files: Map<string, Uint8Array>): Platform {
  return {
    ...machine,
    async stat(path) {
      const bytes = files.get(path)
      return bytes ? { kind: 'file', size: bytes.length, modified: 0 } : machine.stat(path)
    },
    async open(path) {
      const bytes = files.get(path)
      if (!bytes) return machine.open(path)
      return { size: bytes.length, read: async (at, length) => bytes.slice(at, at + length), close: async () => {} }
    },
    async readFile(path) {
      return files.get(path) ?? machine.readFile(path)
    },
    list: async () => [...files.keys()].map((path) => path.slice(folder.length + 1)),
    async writeAtomic(path, content) {
      const parts: Uint8Array[] = []
      for await (const part of content as AsyncIterable<Uint8Array>) parts.push(part)
      files.set(path, Buffer.concat(parts))
    },
    makeFolder: async () => {},
    async *stream(path, decode) {
      const bytes = files.get(path)!
      if (decode === 'none') {
        yield bytes
        return
      }
      writeFileSync(path, bytes)
      yield* machine.stream(path, decode)
    },
  }
}

type Change = (bytes: Buffer) => Buffer
const place: fc.Arbitrary<number> = fc.nat({ max: 1 << 30 })
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(place, fc.nat({ max: 255 })).map(
    ([at, byte]): Change =>
      (bytes) => {
        if (bytes.length > 0) bytes[at % bytes.length] = byte
        return bytes
      },
  ),
  fc.tuple(place, fc.nat({ max: 7 })).map(
    ([at, bit]): Change =>
      (bytes) => {
        if (bytes.length > 0) bytes[at % bytes.length] ^= 1 << bit
        return bytes
      },
  ),
  fc.tuple(place, fc.nat({ max: 16 })).map(
    ([at, length]): Change =>
      (bytes) => {
        const start = at % (bytes.length + 1)
        return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + length)])
      },
  ),
  fc.tuple(place, fc.uint8Array({ maxLength: 12 })).map(
    ([at, more]): Change =>
      (bytes) => {
        const start = at % (bytes.length + 1)
        return Buffer.concat([bytes.subarray(0, start), more, bytes.subarray(start)])
      },
  ),
  // The largest and the smallest numbers, where a length or a count may stand.
  fc.tuple(place, fc.constantFrom(0, 0x7f, 0x80, 0xff), fc.constantFrom(1, 2, 4, 5, 8)).map(
    ([at, byte, length]): Change =>
      (bytes) => {
        const start = at % (bytes.length + 1)
        return bytes.fill(byte, start, Math.min(start + length, bytes.length))
      },
  ),
  place.map(
    (at): Change =>
      (bytes) =>
        bytes.subarray(0, at % (bytes.length + 1)),
  ),
)

function hostile(samples: Uint8Array[], head: Uint8Array): fc.Arbitrary<Uint8Array> {
  const random = fc.uint8Array({ maxLength: 400 })
  return fc.oneof<fc.MaybeWeightedArbitrary<Uint8Array>[]>(
    { weight: 1, arbitrary: random },
    { weight: 1, arbitrary: random.map((tail) => Buffer.concat([head, tail])) },
    {
      weight: 8,
      arbitrary: fc
        .tuple(fc.constantFrom(...samples), fc.array(change, { minLength: 1, maxLength: 4 }))
        .map(([sample, changes]) => changes.reduce<Buffer>((bytes, work) => work(bytes), Buffer.from(sample))),
    },
  )
}

interface Reader {
  name: string
  file: string
  samples: () => Promise<Uint8Array[]>
  /** How files of this kind begin, so that random bytes get past the first check. */
  head?: string
  read: (path: string) => Promise<unknown>
}

const jsonl = '{"a":1,"b":["x",{"c":null}]}\n\n{"a":"\\u00e9 é"}\r\n{"messages":[{"role":"user","content":"hi"}]}\n'
const json = '{"v":"x","names":["a"],"rows":[{"a":1},{"b":{"c":"]}"}},{}],"z":[]}'
const csv = 'id,"a ""b""",c\r\n1,"x, ""y""\nz",\n\n2,it"s, w \n'
const text =
  (...samples: string[]) =>
  async () =>
    samples.map((sample) => Buffer.from(sample))
const rows = async (path: string) => {
  for await (const row of readRows(path)) expect(Object.getPrototypeOf(row.value)).toBe(Object.prototype)
}
const index = async (path: string) => {
  await using table = await openRowIndex(path, { onBadRow: () => {} })
  await table.readMany(Array.from({ length: Math.min(table.length, 100) }, (_, i) => i))
}

const readers: Reader[] = [
  {
    name: 'safetensors',
    file: 'a.safetensors',
    head: '\u0040\0\0\0\0\0\0\0{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    async samples() {
      const path = join(folder, 'good.safetensors')
      const tensor = (name: string, size: number) => ({
        name,
        dtype: 'F16' as const,
        shape: [size, 2],
        bytes: () => new Uint8Array(4 * size),
      })
      await writeSafetensors(path, [tensor('a', 3), tensor('b', 0), tensor('c', 5)], { format: 'pt' })
      return [readFileSync(path)]
    },
    async read(path) {
      const { tensors } = await openSafetensors(path)
      for (const entry of tensors.values()) expect((await readTensorBytes(entry)).length).toBe(entry.bytes)
    },
  },
  {
    name: 'index of shards',
    file: 'model.safetensors.index.json',
    head: '{"weight_map":{"',
    samples: text('{"metadata":{"total_size":4},"weight_map":{"a":"model-00001-of-00002.safetensors"}}'),
    read: () => openCheckpoint(folder),
  },
  {
    name: 'GGUF',
    file: 'a.gguf',
    head: 'GGUF\u0003\0\0\0\u0001\0\0\0\0\0\0\0',
    async samples() {
      const path = join(folder, 'good.gguf')
      const tensor = (name: string, type: 'F32' | 'Q8_0') => ({
        name,
        type,
        shape: [2, 32],
        data: () => new Float32Array(64),
      })
      await writeGguf(path, {
        metadata: {
          'general.architecture': { type: 'string', value: 'llama' },
          'llama.block_count': { type: 'u32', value: 2 },
          'tokenizer.ggml.tokens': { type: 'array', of: 'string', value: ['<s>', 'a', 'é'] },
          'tokenizer.ggml.scores': { type: 'array', of: 'f32', value: [0, 1, 2] },
        },
        tensors: [tensor('a', 'F32'), tensor('b', 'Q8_0')],
      })
      return [readFileSync(path)]
    },
    async read(path) {
      const { tensors } = await openGguf(path)
      for (const tensor of tensors.values())
        if (['F32', 'F16', 'BF16', 'Q8_0'].includes(tensor.type)) await readGgufTensor(tensor)
    },
  },
  { name: 'JSONL', file: 'a.jsonl', head: '{"a":', samples: text(jsonl), read: rows },
  { name: 'JSON', file: 'a.json', head: '[{"a":', samples: text(json, jsonl, `[${json},{}]`), read: rows },
  { name: 'CSV', file: 'a.csv', head: 'a,b\n', samples: text(csv), read: rows },
  { name: 'TSV', file: 'a.tsv', head: 'a\tb\n', samples: text(csv.replaceAll(',', '\t')), read: rows },
  { name: 'TXT', file: 'a.txt', samples: text('a\n\nb é\r\n'), read: rows },
  { name: 'gzip', file: 'a.jsonl.gz', head: '\u001f\u008b\b', samples: async () => [gzipSync(jsonl)], read: rows },
  { name: 'zstd', file: 'a.jsonl.zst', samples: async () => [zstdCompressSync(jsonl)], read: rows },
  {
    name: 'Parquet',
    file: 'a.parquet',
    async samples() {
      const { files } = JSON.parse(readFileSync(new URL('fixtures/parquet.json', import.meta.url), 'utf8'))
      return Object.values(files as Record<string, string>).map((base64) => Buffer.from(base64, 'base64'))
    },
    read: rows,
  },
  { name: 'row index in place', file: 'b.csv', head: 'a,b\n', samples: text(csv), read: index },
  { name: 'row index of a copy', file: 'b.json', head: '[{"a":', samples: text(json), read: index },
]

describe.each(readers)('$name', ({ file, samples, head = '', read }) => {
  test('survives hostile bytes', { timeout: 30_000 + inputs * 100 }, async () => {
    const path = join(folder, file)
    setPlatform(machine)
    const good = await samples()
    const tally = { read: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(hostile(good, Buffer.from(head, 'latin1')), async (bytes) => {
        setPlatform(inMemory(new Map([[path, bytes]])))
        const memory = process.memoryUsage.rss()
        const start = performance.now()
        try {
          await read(path)
          tally.read++
        } catch (error) {
          if (!(error instanceof HoneError)) throw error
          expect(error.message.length).toBeLessThan(4000)
          tally.refused++
        }
        expect(performance.now() - start, 'milliseconds').toBeLessThan(SLOWEST_MS)
        expect(process.memoryUsage.rss() - memory, 'bytes of memory').toBeLessThan(MOST_BYTES)
      }),
      { seed, numRuns: inputs, endOnFailure: inputs > 1000 },
    )
    expect(tally.refused, 'some are refused').toBeGreaterThan(0)
  })
})
