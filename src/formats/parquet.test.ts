import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openRowIndex, readRows } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'hone-parquet-'))
beforeAll(() => void (process.env['HONE_CACHE'] = join(folder, 'cache')))
afterAll(() => rmSync(folder, { recursive: true }))
let count = 0
function file(content: Uint8Array | ArrayBuffer): string {
  const path = join(folder, `${count++}.parquet`)
  writeFileSync(path, new Uint8Array(content))
  return path
}

type Options = Parameters<typeof parquetWriteBuffer>[0]
const write = (columnData: Options['columnData'], options: Partial<Options> = {}) =>
  file(parquetWriteBuffer({ columnData, ...options }))
const all = async (path: string) => Array.fromAsync(readRows(path))

test('numbers, texts, dates, nulls, lists and structs become plain values', async () => {
  const path = write([
    { name: 'id', data: [1n, 2n ** 60n, -3n], type: 'INT64' },
    { name: 'score', data: [0.5, null, -1], type: 'DOUBLE' },
    { name: 'text', data: ['a', 'é', null], type: 'STRING' },
    { name: 'ok', data: [true, false, null], type: 'BOOLEAN' },
    { name: 'day', data: [new Date(0), new Date(86400000), null], type: 'TIMESTAMP' },
    { name: 'chat', data: [[{ role: 'user', content: 'hi' }], [], null], type: 'JSON' },
  ])
  const rows = await all(path)
  expect(rows.map(({ line }) => line)).toEqual([1, 2, 3])
  expect(rows.map(({ value }) => value)).toEqual([
    {
      id: 1,
      score: 0.5,
      text: 'a',
      ok: true,
      day: '1970-01-01T00:00:00.000Z',
      chat: [{ role: 'user', content: 'hi' }],
    },
    { id: String(2n ** 60n), score: null, text: 'é', ok: false, day: '1970-01-02T00:00:00.000Z', chat: [] },
    { id: -3, score: -1, text: null, ok: null, day: null, chat: null },
  ])
})

test('row groups, compression and random access', async () => {
  const texts = Array.from({ length: 2500 }, (_, i) => `text ${i % 7} ${'x'.repeat(i % 5)}`)
  for (const codec of ['SNAPPY', 'UNCOMPRESSED'] as const) {
    const path = write([{ name: 'text', data: texts, type: 'STRING' }], { codec, rowGroupSize: 1000 })
    expect((await all(path)).map(({ value }) => value['text'])).toEqual(texts)
    await using index = await openRowIndex(path)
    expect(await index.read(2400)).toEqual({ value: { text: texts[2400] }, file: path, line: 2401 })
  }
})

const reference = JSON.parse(readFileSync(new URL('fixtures/parquet.json', import.meta.url), 'utf8')) as {
  rows: Record<string, unknown>[]
  files: Record<string, string>
}

test.each(Object.entries(reference.files))('a table of the reference writer: %s', async (_, base64) => {
  const path = file(Buffer.from(base64, 'base64'))
  const expected = reference.rows.map((row) => ({ ...row, big: String(2n ** 60n + BigInt(row['id'] as number)) }))
  expect((await all(path)).map(({ value }) => value)).toEqual(expected)
  await using index = await openRowIndex(path)
  expect((await index.readMany([59, 0, 33])).map(({ value }) => value)).toEqual([59, 0, 33].map((i) => expected[i]))
})

const first = Buffer.from(reference.files['plain v1'], 'base64')
// The first column is never null: the definition levels of its page are one run of 60, the bytes 78 01.
const levels = first.indexOf(Buffer.from([2, 0, 0, 0, 120, 1]))

test.each<[string, (bytes: Buffer) => unknown, RegExp]>([
  [
    'a run length beyond the page',
    (bytes) => bytes.set([6, 0, 0, 0, 254, 255, 255, 255, 15, 1], levels),
    /runs of 2147483647/,
  ],
  ['levels that end early', (bytes) => bytes.set([0, 0, 0, 0], levels), /levels of 0 values in a page of 60/],
  ['levels longer than their page', (bytes) => bytes.set([255, 255, 255], levels), /longer than their page/],
  ['a column that is not in the schema', (bytes) => bytes.write('scorf', bytes.lastIndexOf('score')), /scorf/],
  ['a footer longer than the file', (bytes) => bytes.writeUInt32LE(1e6, bytes.length - 8), /footer claims 1000000/],
  ['a missing end', (bytes) => bytes.write('PAR0', bytes.length - 4), /truncated/],
])('%s is refused before it fills memory or ends the process', async (_, change, message) => {
  expect(levels).toBeGreaterThan(0)
  const bytes = Buffer.from(first)
  change(bytes)
  await expect(all(file(bytes))).rejects.toMatchObject({ code: 'E_CORRUPT', message: expect.stringMatching(message) })
})
