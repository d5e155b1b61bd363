import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { sharedFolder } from '../../test/shared.ts'
import { platform, setPlatform } from '../base/index.ts'
import { listRowFiles, openRowIndex, type RawRow, type ReadRowsOptions, readRows } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'hone-rows-'))
const machine = platform()
beforeAll(() => void (process.env['HONE_CACHE'] = join(folder, 'cache')))
afterEach(() => void setPlatform(machine))
afterAll(() => rmSync(folder, { recursive: true }))

let count = 0
function file(ending: string, content: string | Uint8Array): string {
  const path = join(folder, `${count++}${ending}`)
  const packed = ending.endsWith('.gz')
    ? gzipSync(content)
    : ending.endsWith('.zst')
      ? zstdCompressSync(content)
      : content
  writeFileSync(path, packed)
  return path
}
async function all(path: string, options?: ReadRowsOptions): Promise<RawRow[]> {
  return Array.fromAsync(readRows(path, options))
}
const values = async (path: string, options?: ReadRowsOptions) => (await all(path, options)).map(({ value }) => value)
const lines = async (path: string) => (await all(path)).map(({ line }) => line)
/** Cuts every stream into pieces of these sizes, over and over: what is read must not depend on it. */
const chop = (sizes: number[]) =>
  setPlatform({
    ...machine,
    async *stream(path, decode) {
      let turn = 0
      for await (const chunk of machine.stream(path, decode))
        for (let at = 0; at < chunk.length; ) {
          const size = sizes[turn++ % sizes.length]
          yield chunk.subarray(at, at + size)
          at += size
        }
    },
  })

describe('JSONL', () => {
  test('rows with their lines; blank lines, CRLF, a byte order mark and a missing last line end are no trouble', async () => {
    const path = file('.jsonl', '\uFEFF{"a":1}\r\n\r\n  \n{"a":"é\\n"}\n{"__proto__":3}')
    const rows = await all(path)
    expect(rows.map(({ value }) => JSON.stringify(value))).toEqual(['{"a":1}', '{"a":"é\\n"}', '{"__proto__":3}'])
    expect(rows.map(({ line }) => line)).toEqual([1, 4, 5])
    expect(rows[0].file).toBe(path)
  })

  test.each([
    ['{"a":1}\n{"a":\n', 2, /not valid JSON: /],
    ['{"a":1}\n\n[1]\n', 3, /the row is an array, expected an object/],
    ['{"a":1}\n7', 2, /a number/],
    ['{"a":1}\nnull', 2, /null/],
  ])('a bad row names file and line: %j', async (content, line, message) => {
    const path = file('.jsonl', content)
    const error = await all(path).catch((thrown) => thrown)
    expect(error).toMatchObject({ code: 'E_BAD_ROW', message: expect.stringMatching(message) })
    expect(error.message).toContain(`${path}:${line}:`)
  })

  test('bytes that are no UTF-8 are a bad row', async () => {
    const path = file(
      '.jsonl',
      Buffer.concat([Buffer.from('{"a":1}\n{"a":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]),
    )
    await expect(all(path)).rejects.toThrow(/:2: not UTF-8/)
  })

  test('bad rows can be skipped and counted', async () => {
    const path = file('.jsonl', '{"a":1}\nx\n{"a":2}\n[]\n')
    const bad: number[] = []
    expect(await values(path, { onBadRow: (_, line) => bad.push(line) })).toEqual([{ a: 1 }, { a: 2 }])
    expect(bad).toEqual([2, 4])
  })

  test('a row without end is refused before it fills memory', async () => {
    setPlatform({
      ...machine,
      async *stream() {
        for (let i = 0; i < 1000; i++) yield new Uint8Array(1 << 20).fill(0x20)
      },
    })
    await expect(all(file('.jsonl', '{}'))).rejects.toThrow(/:1: a row of more than 64 MB/)
  })
})

describe('JSON', () => {
  test('an array, element by element, with the line each begins on', async () => {
    const path = file('.json', '[\n {"a": [1, "]"]},\n\n {"b": {"c": "\\"}"}}\n , {}]\n')
    expect(await values(path)).toEqual([{ a: [1, ']'] }, { b: { c: '"}' } }, {}])
    expect(await lines(path)).toEqual([2, 4, 5])
  })

  test('an object with one array of objects, other keys left aside', async () => {
    const text =
      '{"version": "1,2]}", "names": ["x", {"y": []}], "n": [1], "da\\"ta": [{"a": 1}, {"a": 2}], "end": {"k": [3]}, "e": []}'
    expect(await values(file('.json', text))).toEqual([{ a: 1 }, { a: 2 }])
  })

  test('of two arrays of objects one must be named', async () => {
    const path = file('.json', '{"train": [{"a": 1}], "test": [{"a": 2}]}')
    await expect(all(path)).rejects.toMatchObject({
      code: 'E_FORMAT',
      message: expect.stringMatching(/'train' and 'test'/),
    })
    expect(await values(path, { field: 'test' })).toEqual([{ a: 2 }])
    await expect(all(path, { field: 'dev' })).rejects.toThrow(/without an array under 'dev'/)
  })

  test('one object a line is read as lines, an array in .jsonl as an array', async () => {
    const path = file('.json', '{"q": [{"role": "user"}]}\n{"q": []}\n')
    expect(await values(path)).toEqual([{ q: [{ role: 'user' }] }, { q: [] }])
    expect(await values(file('.jsonl', ' [{"a":1},\n{"a":2}]'))).toEqual([{ a: 1 }, { a: 2 }])
    expect(await values(file('.json', '{\n"rows":\n[{"a":1}]}'))).toEqual([{ a: 1 }])
  })

  test.each([
    ['[{"a":1}, {"a":]}, {"a":2}]', /:1: not valid JSON/],
    ['[{"a":1},]', /behind the last comma/],
    ['[{"a":1}', /ends inside/],
    ['[{"a":1}] x', /"x" follows the end/],
    ['[\n\n1]', /:3: the row is a number/],
    ['"text"', /begins with "\\""/],
    ['{"a" 1}', /":" was expected|':' was expected/],
    ['{"a": [{}]', /ends inside/],
    ['{"a": 1}', /without an array of objects/],
  ])('refuses %j', async (text, message) => {
    await expect(all(file('.json', text))).rejects.toThrow(message)
  })

  test('a broken element can be skipped', async () => {
    const path = file('.json', '[{"a":1}, {"a":nul}, {"a":2}]')
    expect(await values(path, { onBadRow: () => {} })).toEqual([{ a: 1 }, { a: 2 }])
  })
})

describe('CSV and TSV', () => {
  test('RFC 4180: quotes, doubled quotes, delimiters and line ends in fields', async () => {
    const path = file('.csv', 'id,"a ""b""",c\r\n1,"x, ""y""\r\nz",\n\n2,it"s, w \n')
    expect(await values(path)).toEqual([
      { id: '1', 'a "b"': 'x, "y"\r\nz', c: '' },
      { id: '2', 'a "b"': 'it"s', c: ' w ' },
    ])
    expect(await lines(path)).toEqual([2, 5])
    expect(await values(file('.tsv', '\uFEFF"a"\tb\n1,2\t\n'))).toEqual([{ a: '1,2', b: '' }])
  })

  test.each([
    ['a,b\n1,2,3\n', /:2: 3 fields, the header has 2/],
    ['a,b\n1,2\n1\n', /:3: 1 fields/],
    ['a,b\n1,"2"x\n', /:2: field 2 goes on after its closing quote/],
    ['a,b\n1,2\n1,"2\n\n', /:3: the row opens a quote that never closes/],
    ['a,b,a\n', /column 'a' twice/],
  ])('refuses %j', async (text, message) => {
    await expect(all(file('.csv', text))).rejects.toThrow(message)
  })

  test('any table comes back', async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'é', '"', ',', '\n', '\r\n', ' ', '😀') })
    const table = fc
      .integer({ min: 1, max: 4 })
      .chain((width) =>
        fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 6 }),
      )
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(table, sizes, fc.constantFrom('\n', '\r\n'), async (rows, pieces, end) => {
        const width = rows[0].length
        const quote = (text: string) => `"${text.replaceAll('"', '""')}"`
        const names = Array.from({ length: width }, (_, i) => `c${i}`)
        const path = file('.csv', [names, ...rows.map((row) => row.map(quote))].map((row) => row.join(',')).join(end))
        chop(pieces)
        const expected = rows.map((row) => Object.fromEntries(row.map((text, i) => [`c${i}`, text])))
        expect(await values(path)).toEqual(expected)
        await using index = await openRowIndex(path)
        expect((await index.readMany(rows.map((_, i) => i))).map(({ value }) => value)).toEqual(expected)
      }),
      { seed: 3, numRuns: 60 },
    )
  })
})

test('JSON values come back from JSONL, JSON and wrapped JSON however the stream is cut', async () => {
  const row = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 })
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { minLength: 1, maxLength: 5 }),
      sizes,
      fc.constantFrom(0, 2),
      async (rows, pieces, indent) => {
        const expected = rows.map((value) => JSON.stringify(value))
        chop(pieces)
        for (const path of [
          file('.jsonl', expected.join('\n')),
          file('.json', JSON.stringify(rows, null, indent)),
          file('.json', JSON.stringify({ x: { y: ['"'] }, rows, z: 'é' }, null, indent)),
        ])
          expect((await values(path)).map((value) => JSON.stringify(value))).toEqual(expected)
      },
    ),
    { seed: 4, numRuns: 60 },
  )
})

describe('any file', () => {
  test('plain text: a row a line', async () => {
    expect(await values(file('.txt', '\uFEFF a b \r\n\n \nc'))).toEqual([{ text: ' a b ' }, { text: 'c' }])
  })

  test.each(['.jsonl.gz', '.jsonl.zst'])('packed: %s', async (ending) => {
    expect(await values(file(ending, '{"a":1}\n{"a":2}\n'))).toEqual([{ a: 1 }, { a: 2 }])
  })

  test('several packed members are one file; a truncated one is corrupt', async () => {
    const parts = ['{"a":1}\n', '{"a":2}\n']
    const gz = file('.jsonl', '')
    writeFileSync(`${gz}.gz`, Buffer.concat(parts.map((part) => gzipSync(part))))
    expect(await values(`${gz}.gz`)).toEqual([{ a: 1 }, { a: 2 }])
    for (const pack of [gzipSync, zstdCompressSync]) {
      const whole = pack(Array.from({ length: 500 }, (_, i) => `{"a":${i ** 3}}\n`).join(''))
      const cut = `${gz}.${pack === gzipSync ? 'gz' : 'zst'}`
      writeFileSync(cut, whole.subarray(0, -5))
      await expect(all(cut), cut).rejects.toMatchObject({ code: 'E_CORRUPT' })
    }
  })

  test.each<[string, string, string | Uint8Array, string]>([
    ['empty', '.jsonl', '', 'E_EMPTY'],
    ['nothing but white space', '.jsonl', ' \n\n', 'E_EMPTY'],
    ['an empty array', '.json', '[]', 'E_EMPTY'],
    ['a header without rows', '.csv', 'a,b\n', 'E_EMPTY'],
    ['packed emptiness', '.jsonl.gz', '', 'E_EMPTY'],
    ['an unknown extension', '.xlsx', 'x', 'E_FORMAT'],
    ['no extension', '', 'x', 'E_FORMAT'],
    ['UTF-16', '.csv', Buffer.from('\uFEFFa,b', 'utf16le'), 'E_FORMAT'],
    ['gzip under another name', '.jsonl', gzipSync('{}'), 'E_FORMAT'],
    ['Parquet under another name', '.csv', 'PAR1', 'E_FORMAT'],
    ['no Parquet', '.parquet', 'PAR1', 'E_CORRUPT'],
  ])('%s is refused', async (_, ending, content, code) => {
    const path = file(ending, content)
    const error = await all(path).catch((thrown) => thrown)
    expect(error).toMatchObject({ name: 'HoneError', code })
    expect(error.message).toContain(path)
  })

  test('a .gz that is not packed is refused', async () => {
    const path = file('.jsonl', '{}')
    writeFileSync(`${path}.gz`, '{"a":1}')
    await expect(all(`${path}.gz`)).rejects.toMatchObject({ code: 'E_FORMAT' })
    await expect(all(`${path}.zst`)).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
    await expect(all(folder)).rejects.toMatchObject({ code: 'E_NOT_A_FILE' })
  })

  test('stops between rows when asked to', async () => {
    const stop = new AbortController()
    const rows = readRows(file('.jsonl', '{"a":1}\n{"a":2}\n'), { signal: stop.signal })
    await rows.next()
    stop.abort()
    await expect(rows.next()).rejects.toMatchObject({ code: 'E_ABORTED' })
  })

  test('lists the files of a folder', async () => {
    const inner = mkdtempSync(join(folder, 'list-'))
    for (const name of ['b.jsonl.gz', 'a.parquet', 'README.md', '.hidden.json', 'dataset_info.json'])
      writeFileSync(join(inner, name), '')
    expect((await listRowFiles(inner)).map((path) => path.slice(inner.length + 1))).toEqual(['a.parquet', 'b.jsonl.gz'])
    expect(await listRowFiles(join(inner, 'README.md'))).toEqual([join(inner, 'README.md')])
    rmSync(join(inner, 'b.jsonl.gz'))
    rmSync(join(inner, 'a.parquet'))
    await expect(listRowFiles(inner)).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
  })
})

describe('random access', () => {
  const text = '{"a":0}\n\n{"a":1}\r\n{"a":2}\nbroken\n{"a":4}'
  test.each(['.jsonl', '.jsonl.gz'])('gives the same rows and lines as streaming: %s', async (ending) => {
    const path = file(ending, text)
    const bad: [number, string][] = []
    await using index = await openRowIndex(path, { onBadRow: (error, line) => bad.push([line, error.message]) })
    expect(bad).toEqual([[5, expect.stringContaining(`${path}:5: not valid JSON`)]])
    expect(index.length).toBe(4)
    const streamed = await all(path, { onBadRow: () => {} })
    expect(await index.readMany([3, 0, 3, 2, 1])).toEqual([3, 0, 3, 2, 1].map((i) => streamed[i]))
    await expect(index.read(4)).rejects.toMatchObject({ code: 'E_RANGE' })
    await expect(index.readMany([0, -1])).rejects.toMatchObject({ code: 'E_RANGE' })

    // Without skipping, a bad row keeps its number and throws when it is read.
    await using strict = await openRowIndex(path)
    expect(strict.length).toBe(5)
    await expect(strict.read(3)).rejects.toMatchObject({
      code: 'E_BAD_ROW',
      message: expect.stringContaining(`${path}:5:`),
    })
    expect((await strict.read(4)).value).toEqual({ a: 4 })
  })

  test('unpacks once, and again when the file has changed', async () => {
    const path = file('.json.gz', '[{"a":1},{"a":2}]')
    let streams = 0
    setPlatform({
      ...machine,
      stream(name, decode) {
        if (name === path) streams++
        return machine.stream(name, decode)
      },
    })
    const open = async () => {
      await using index = await openRowIndex(path)
      return (await index.read(1)).value
    }
    expect(await open()).toEqual({ a: 2 })
    const first = streams
    expect(await open()).toEqual({ a: 2 })
    expect(streams - first, 'only the look at the first line').toBeLessThan(first)
    const { size } = statSync(path)
    writeFileSync(path, gzipSync('[{"a":1},{"a":3}]'))
    expect(statSync(path).size).toBe(size)
    utimesSync(path, new Date(1e12), new Date(1e12))
    expect(await open()).toEqual({ a: 3 })
  })

  test('reads neighbours together', async () => {
    const path = file('.txt', Array.from({ length: 2000 }, (_, i) => `${'x'.repeat(100)}${i}`).join('\n'))
    let reads = 0
    setPlatform({
      ...machine,
      async open(name) {
        const reader = await machine.open(name)
        const read = (at: number, length: number) => {
          reads++
          return reader.read(at, length)
        }
        return { ...reader, read }
      },
    })
    await using index = await openRowIndex(path)
    reads = 0
    const rows = await index.readMany([1999, 5, 6, 7, 1000, 1998])
    expect(rows.map(({ value }) => Number(String(value['text']).slice(100)))).toEqual([1999, 5, 6, 7, 1000, 1998])
    expect(reads).toBe(3)
  })

  test('an empty file, a file of bad rows only', async () => {
    await expect(openRowIndex(file('.jsonl', '\n'))).rejects.toMatchObject({ code: 'E_EMPTY' })
    await expect(openRowIndex(file('.json', '[1]'))).rejects.toMatchObject({ code: 'E_BAD_ROW' })
    await expect(openRowIndex(file('.json', '[1]'), { onBadRow: () => {} })).rejects.toMatchObject({ code: 'E_EMPTY' })
  })
})

const shared = sharedFolder()
describe.runIf(shared)('published data', () => {
  test('gsm8k, streamed and at random', async () => {
    const path = join(shared!, 'data/gsm8k/test.jsonl.gz')
    const rows = await all(path)
    expect(rows).toHaveLength(1319)
    expect(rows[0].value['question']).toMatch(/^Janet.s ducks/)
    await using index = await openRowIndex(path)
    expect(await index.readMany([1318, 7])).toEqual([rows[1318], rows[7]])
  })

  test('one object a line under the name .json', async () => {
    const rows = await all(join(shared!, 'data/bfcl_v4/BFCL_v4_web_search.json.gz'))
    expect(rows.length).toBeGreaterThan(10)
    expect(rows.every(({ value }) => typeof value['id'] === 'string')).toBe(true)
  })
})
