import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HoneError } from '../base/index.ts'
import { type Dataset, type DatasetOptions, openDataset } from './dataset.ts'
import type { Order } from './order.ts'
import { splitOfFile } from './sources.ts'

let folder = ''
const path = (name: string) => join(folder, name)
const jsonl = (rows: unknown[]) => rows.map((row) => JSON.stringify(row)).join('\n')
const texts = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ text: `t${from + i}` }))
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i)
const all = (order: Order) => upTo(order.length).map((i) => order.at(i))
const ascending = (a: number, b: number) => a - b

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hone-data-'))
  await writeFile(path('ten.jsonl'), jsonl(texts(0, 10)))
  await writeFile(path('five.json.gz'), gzipSync(JSON.stringify(texts(10, 15))))
  await writeFile(path('broken.jsonl'), '{"text":"a"}\n{"text":\n{"text":"b"}\n')
  await writeFile(path('mixed.jsonl'), jsonl([{ text: 'a' }, { text: 'b' }, { prompt: 'p', completion: 'c' }]))
  await writeFile(path('empty.jsonl'), '')
  await mkdir(path('set/data'), { recursive: true })
  await writeFile(path('set/data/train-0.jsonl'), jsonl(texts(0, 3)))
  await writeFile(path('set/data/train-1.jsonl'), jsonl(texts(3, 5)))
  await writeFile(path('set/data/validation.jsonl'), jsonl(texts(5, 7)))
  await writeFile(path('set/data/test.jsonl'), jsonl(texts(7, 8)))
})
afterAll(() => rm(folder, { recursive: true }))

async function readAll(dataset: Dataset): Promise<string[]> {
  const rows = await dataset.readMany(upTo(dataset.length))
  return rows.map((row) => (row instanceof HoneError ? row.code : row.kind === 'text' ? row.text : row.kind))
}

async function contents(spec: Parameters<typeof openDataset>[0], options?: DatasetOptions): Promise<string[]> {
  await using dataset = await openDataset(spec, options)
  return await readAll(dataset)
}

async function failure(work: Promise<unknown>): Promise<HoneError> {
  const error = await work.then(
    () => null,
    (error) => error,
  )
  if (error instanceof HoneError) return error
  throw error ?? new Error('no error')
}

const names = (from: number, to: number) => texts(from, to).map((row) => row.text)

describe('sources', () => {
  test('a file, rows in memory, several together', async () => {
    expect(await contents(path('ten.jsonl'))).toEqual(names(0, 10))
    expect(await contents(texts(0, 3))).toEqual(names(0, 3))
    expect(await contents([path('five.json.gz'), path('ten.jsonl')])).toEqual([...names(10, 15), ...names(0, 10)])
    expect(await contents({ data: path('ten.jsonl'), limit: 2 })).toEqual(names(0, 2))
    expect(await contents([path('ten.jsonl'), path('five.json.gz')], { limit: 1 })).toEqual(['t0', 't10'])
  })

  test('rows know where they were', async () => {
    await using dataset = await openDataset([path('five.json.gz'), path('ten.jsonl')])
    expect((await dataset.read(7)).source).toEqual({ file: path('ten.jsonl'), line: 3 })
    expect((await openDataset(texts(0, 3)).then((inline) => inline.read(1))).source).toEqual({
      file: '(inline)',
      line: 2,
    })
  })

  test('a folder keeps its splits apart', async () => {
    expect(await contents(path('set'))).toEqual(names(0, 5))
    expect(await contents(path('set'), { split: 'validation' })).toEqual(names(5, 7))
    expect(await contents(path('set'), { split: 'test' })).toEqual(names(7, 8))
    // A named validation split is used whatever the fraction says, and nothing is then held out of training.
    expect(await contents(path('set'), { evalFraction: 0.5 })).toEqual(names(0, 5))
  })

  test.each([
    ['data/train-00000-of-00001.parquet', 'train'],
    ['test/data.jsonl', 'test'],
    ['x/my_dev.json', 'validation'],
    ['train/test.jsonl', 'test'],
    ['latest.jsonl', null],
    ['training.jsonl', 'train'],
  ])('%s is %s', (file, split) => expect(splitOfFile(file)).toBe(split))

  test('a hub id is resolved, a path that is there is not', async () => {
    const asked: string[] = []
    const resolveHub = async (id: string) => {
      asked.push(id)
      return path('set')
    }
    expect(await contents('someone/some-set', { resolveHub })).toEqual(names(0, 5))
    expect(await contents(path('set'), { resolveHub })).toEqual(names(0, 5))
    expect(asked).toEqual(['someone/some-set'])
  })

  test('of a hub set with subsets one has to be named', async () => {
    for (const subset of ['main', 'other']) {
      await mkdir(path(`hub/${subset}`), { recursive: true })
      await writeFile(path(`hub/${subset}/train.jsonl`), jsonl([{ text: subset }]))
    }
    const resolveHub = async () => path('hub')
    const error = await failure(openDataset('a/b', { resolveHub }))
    expect([error.code, error.message]).toEqual([
      'E_SUBSET',
      'a/b has the subsets main, other, expected the name of one',
    ])
    expect(await contents('a/b/other', { resolveHub })).toEqual(['other'])
    expect((await failure(openDataset('a/b/third', { resolveHub }))).message).toContain('expected one of main, other')
  })
})

describe('splits by fraction', () => {
  test('train and validation are disjoint, whole, and depend on the seed', async () => {
    const options = { evalFraction: 0.3, seed: 4 }
    const train = await contents(path('ten.jsonl'), options)
    const validation = await contents(path('ten.jsonl'), { ...options, split: 'validation' })
    expect([train.length, validation.length]).toEqual([7, 3])
    expect([...train, ...validation].sort()).toEqual(names(0, 10))
    const other = await contents(path('ten.jsonl'), { ...options, seed: 5, split: 'validation' })
    expect(other).not.toEqual(validation)
  })
})

describe('orders', () => {
  test('each row once, another order each epoch and seed, the same again', async () => {
    await using dataset = await openDataset([path('ten.jsonl'), path('five.json.gz')])
    expect(all(dataset.order(0, null))).toEqual(upTo(15))
    const orders = [dataset.order(0, 1), dataset.order(1, 1), dataset.order(0, 2)].map(all)
    for (const order of orders) expect([...order].sort(ascending)).toEqual(upTo(15))
    expect(new Set(orders.map(String)).size).toBe(3)
    expect(all(dataset.order(1, 1))).toEqual(orders[1])
  })

  test('rows left out do not come', async () => {
    await using dataset = await openDataset([path('ten.jsonl'), path('five.json.gz')])
    const left = all(dataset.order(3, 1, Uint32Array.of(0, 4, 14)))
    expect(left.sort(ascending)).toEqual([1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13])
  })

  test('weights set how often a source comes', async () => {
    await using dataset = await openDataset([
      { data: path('ten.jsonl'), weight: 1 },
      { data: path('five.json.gz'), weight: 2 },
    ])
    const order = all(dataset.order(0, 1))
    expect(order.length).toBe(15)
    expect(order.filter((row) => row >= 10).length).toBe(10)
    // Of the small source each row came twice: two whole passes.
    expect(upTo(5).map((i) => order.filter((row) => row === 10 + i).length)).toEqual([2, 2, 2, 2, 2])
    const left = all(dataset.order(0, 1, Uint32Array.of(3, 11)))
    expect(left.length).toBe(13)
    expect(left.some((row) => row === 3 || row === 11)).toBe(false)
    expect(left.filter((row) => row >= 10).length).toBe(9)
    // A source of which nothing is left does not come.
    expect(all(dataset.order(0, 1, Uint32Array.of(10, 11, 12, 13, 14))).sort(ascending)).toEqual(upTo(10))
    expect(all(dataset.order(0, null, Uint32Array.of(3)))).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14])
  })
})

describe('bad input', () => {
  test('a broken line', async () => {
    await using dataset = await openDataset(path('broken.jsonl'))
    const [first, bad, last] = await dataset.readMany([0, 1, 2])
    expect([first, last]).toMatchObject([{ text: 'a' }, { text: 'b' }])
    expect(bad).toMatchObject({ code: 'E_BAD_ROW' })
    expect((await failure(dataset.read(1))).message).toContain('broken.jsonl:2')
    await using skipping = await openDataset(path('broken.jsonl'), { skipBad: true })
    expect(await readAll(skipping)).toEqual(['a', 'b'])
    expect(skipping.skipped).toMatchObject({ total: 1, counts: { E_BAD_ROW: 1 } })
  })

  test('a format that changes half-way', async () => {
    await using dataset = await openDataset(path('mixed.jsonl'))
    const error = await failure(dataset.read(2))
    expect(error.code).toBe('E_ROW_FORMAT')
    expect(error.message).toBe(
      `${path('mixed.jsonl')}:3: the row is in the format "completion", expected "text" as in ${path('mixed.jsonl')}:1`,
    )
    expect(await contents(path('mixed.jsonl'), { mixedFormats: true })).toEqual(['a', 'b', 'completion'])
  })

  test('an unknown format is told on opening', async () => {
    const error = await failure(openDataset([{ foo: 1 }]))
    expect(error.message).toBe('(inline):1: the row has the keys "foo", which is no known format')
  })

  test.each<[string, Parameters<typeof openDataset>[0], DatasetOptions, string, string]>([
    ['empty file', 'empty.jsonl', {}, 'E_EMPTY', 'empty.jsonl is empty'],
    ['no rows in memory', [], {}, 'E_EMPTY', 'the list of rows is empty'],
    ['no such file', 'tne.jsonl', {}, 'E_NOT_FOUND', 'there is no data at'],
    ['no validation split', 'ten.jsonl', { split: 'validation' }, 'E_NO_SPLIT', 'has no validation split'],
    ['no test split', 'ten.jsonl', { split: 'test' }, 'E_NO_SPLIT', 'has no test split'],
    [
      'fraction',
      'ten.jsonl',
      { evalFraction: 1 },
      'E_CONFIG',
      'evalFraction is 1, expected a number from 0 to below 1',
    ],
    ['limit', 'ten.jsonl', { limit: 0 }, 'E_CONFIG', 'limit is 0, expected a whole number of at least 1'],
    ['weight', { data: [{ text: 'a' }], weight: -1 }, {}, 'E_CONFIG', 'a weight is -1, expected a number above 0'],
    [
      'half the weights',
      [{ data: [{ text: 'a' }], weight: 1 }, { data: [{ text: 'b' }] }],
      {},
      'E_CONFIG',
      '1 of 2 sources have a weight',
    ],
  ])('%s', async (_name, spec, options, code, message) => {
    const error = await failure(openDataset(typeof spec === 'string' ? path(spec) : spec, options))
    expect(error.code).toBe(code)
    expect(error.message).toContain(message)
    if (code === 'E_NOT_FOUND') expect(error.help).toBe(`did you mean ${path('ten.jsonl')}?`)
  })

  test('a row that is not there', async () => {
    await using dataset = await openDataset(texts(0, 3))
    expect((await failure(dataset.read(3))).message).toBe('row 3 is asked for, expected 0 … 2')
  })
})
