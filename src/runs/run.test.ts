import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { faultyPlatform } from '../../test/faults.ts'
import { type MemoryPlatform, memoryPlatform } from '../../test/memory.ts'
import { joinPath, platform, setPlatform } from '../base/index.ts'
import { differingKeys } from './config.ts'
import { createRun, listRuns, type RunOptions, readRun } from './index.ts'

const machine = platform()
const config = { model: 'tiny', learningRate: 1e-4, steps: 10, adapter: { rank: 8, targets: ['q', 'v'] } }
const options: RunOptions = { kind: 'sft', config }
const out = '/out'
let disk: MemoryPlatform

beforeEach(() => {
  disk = memoryPlatform()
  setPlatform(disk)
})
afterEach(() => {
  setPlatform(machine)
})

const save = (text: string) => async (folder: string) => {
  await platform().writeAtomic(joinPath(folder, 'weights'), text)
}
const refused = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) })

/** A run with checkpoints at these steps, an event for every step up to two past the last. */
async function begin(steps: number[] = [], given: Partial<RunOptions> = {}) {
  const run = await createRun(out, { ...options, ...given })
  for (let step = 1; step <= Math.max(0, ...steps) + 2; step++) {
    run.append({ type: 'step', step, loss: 1 / step } as never)
    if (steps.includes(step)) await run.saveCheckpoint(step, save(`w${step}`))
  }
  return run
}

describe('an output folder that exists', () => {
  test('is refused without resume or overwrite, whatever it holds', async () => {
    await (await begin()).close()
    await expect(createRun(out, options)).rejects.toEqual(refused('E_EXISTS', /already holds a run/))
    await disk.makeFolder('/other')
    await disk.writeAtomic('/other/thesis.tex', 'years of work')
    for (const flags of [{}, { resume: true }, { overwrite: true }]) {
      await expect(createRun('/other', { ...options, ...flags })).rejects.toEqual(refused('E_EXISTS', /no run of hone/))
    }
    expect(disk.files('/other')).toEqual({ 'thesis.tex': 'years of work' })
    await expect(createRun('/other/thesis.tex', options)).rejects.toEqual(refused('E_EXISTS', /is a file/))
  })

  test('a folder named run with other things in it is not ours', async () => {
    await disk.makeFolder('/other/run')
    await disk.writeAtomic('/other/run/config.json', '{"lr": 3}')
    await expect(createRun('/other', { ...options, overwrite: true })).rejects.toEqual(refused('E_FORMAT', /nothing/))
    await disk.remove('/other/run/config.json')
    await disk.writeAtomic('/other/run/marathon.gpx', 'x')
    await expect(createRun('/other', { ...options, overwrite: true })).rejects.toEqual(
      refused('E_EXISTS', /no run of hone/),
    )
  })

  test('an empty one is taken', async () => {
    await disk.makeFolder(out)
    await (await createRun(out, options)).close()
    expect(Object.keys(disk.files(out))).toEqual(['run/config.json', 'run/events.jsonl'])
  })

  test('resume and overwrite together are refused', async () => {
    await expect(createRun(out, { ...options, resume: true, overwrite: true })).rejects.toEqual(
      refused('E_CONFIG', /both/),
    )
  })
})

describe('resuming', () => {
  test('cuts the events at the last checkpoint and gives its state', async () => {
    await (await begin([3, 5])).close()
    const run = await createRun(out, { ...options, resume: true })
    expect(run.latest).toMatchObject({ step: 5, bestStep: null, cursor: {} })
    expect(await platform().readText(joinPath(run.latest!.folder, 'weights'))).toBe('w5')
    run.append({ type: 'step', step: 6 } as never)
    await run.close()
    const steps = (await Array.fromAsync((await readRun(out)).events())).map((event) => event.step)
    expect(steps).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('before the first checkpoint begins anew', async () => {
    await (await begin()).close()
    const run = await createRun(out, { ...options, resume: true })
    expect(run.latest).toBeNull()
    await run.close()
    expect(await Array.fromAsync((await readRun(out)).events())).toEqual([])
  })

  test('names every key that differs with both values, and lets the four pass', async () => {
    await (await begin([1])).close()
    const changed = { ...config, learningRate: 1e-3, extra: true, adapter: { rank: 16, targets: ['q'] }, steps: 20 }
    const error = await createRun(out, { ...options, config: changed, resume: true }).catch((thrown) => thrown)
    expect(error.code).toBe('E_CONFIG_CHANGED')
    expect(error.message).toContain('learningRate: the run has 0.0001, now 0.001')
    expect(error.message).toContain('extra: the run has nothing, now true')
    expect(error.message).toContain('adapter.rank: the run has 8, now 16')
    expect(error.message).toContain('adapter.targets: the run has ["q","v"], now ["q"]')
    expect(error.message).not.toContain('steps')
    const free = { ...config, steps: 20, epochs: 3, saveEvery: 5, evalEvery: 7 }
    await (await createRun(out, { ...options, config: free, resume: true })).close()
    expect((await readRun(out)).config).toEqual(free)
  })

  test('another kind is refused', async () => {
    await (await begin([1])).close()
    await expect(createRun(out, { ...options, kind: 'dpo', resume: true })).rejects.toEqual(
      refused('E_CONFIG_CHANGED', /holds a run of sft/),
    )
  })

  test('a finished run has its report and is not touched; with more steps and no checkpoint it is refused', async () => {
    const run = await begin()
    await run.finish({ steps: 2 })
    await run.close()
    const before = disk.files(out)
    const again = await createRun(out, { ...options, resume: true })
    expect(again.report).toMatchObject({ steps: 2 })
    await again.close()
    expect(disk.files(out)).toEqual(before)
    const longer = createRun(out, { ...options, config: { ...config, steps: 99 }, resume: true })
    await expect(longer).rejects.toEqual(refused('E_NO_CHECKPOINT', /no checkpoint to go on from/))
    expect(disk.files(out)).toEqual(before)
  })

  test('another machine is a warning on the record', async () => {
    await (await begin([1], { environment: { isa: 'avx512' } })).close()
    await (await createRun(out, { ...options, resume: true, environment: { isa: 'avx2' } })).close()
    const events = await Array.fromAsync((await readRun(out)).events())
    expect(events.at(-1)).toMatchObject({ code: 'W_ENVIRONMENT', message: expect.stringContaining('avx512 → avx2') })
  })

  test('a newer format is refused with its number, in config, state and events', async () => {
    await (await begin([1])).close()
    for (const path of ['run/config.json', 'run/checkpoints/step-000001/state.json']) {
      const text = disk.files(out)[path]
      await disk.writeAtomic(`${out}/${path}`, text.replace('"format": 1', '"format": 2'))
      const again = createRun(out, { ...options, resume: true })
      await expect(again).rejects.toEqual(refused('E_FORMAT', /json has format 2, expected at most 1/))
      await disk.writeAtomic(`${out}/${path}`, text)
    }
    const events = disk.files(out)['run/events.jsonl']
    await disk.writeAtomic(`${out}/run/events.jsonl`, events.replace('"format":1', '"format":7'))
    const reading = readRun(out).then((record) => Array.fromAsync(record.events()))
    await expect(reading).rejects.toEqual(refused('E_FORMAT', /events.jsonl:1 has format 7/))
  })

  test('a checkpoint that was tampered with is named', async () => {
    await (await begin([1])).close()
    await disk.truncate(`${out}/run/events.jsonl`, 20)
    await expect(createRun(out, { ...options, resume: true })).rejects.toEqual(refused('E_CORRUPT', /has 20 bytes/))
    await disk.remove(`${out}/run/checkpoints/step-000001/state.json`)
    await expect(createRun(out, { ...options, resume: true })).rejects.toEqual(refused('E_CORRUPT', /state of step 1/))
  })
})

describe('checkpoints', () => {
  test('the last two and the best are kept; steps sort as numbers beyond six digits', async () => {
    const run = await createRun(out, options)
    for (const step of [5, 999_999, 1_000_000, 2_000_000])
      await run.saveCheckpoint(step, save('w'), { best: step === 5 })
    expect((await readRun(out)).checkpoints).toEqual([5, 1_000_000, 2_000_000])
    expect((await run.bestCheckpoint())?.step).toBe(5)
    await run.close()
    const again = await createRun(out, { ...options, resume: true })
    expect(again.latest).toMatchObject({ step: 2_000_000, bestStep: 5 })
    await again.close()
  })

  test('one of the same step is replaced', async () => {
    const run = await begin([3])
    await run.saveCheckpoint(3, save('later'), { cursor: { n: 1 } })
    await run.close()
    const again = await createRun(out, { ...options, resume: true })
    expect(again.latest?.cursor).toEqual({ n: 1 })
    expect(await platform().readText(joinPath(again.latest!.folder, 'weights'))).toBe('later')
    await again.close()
  })

  test('one that is being replaced is there, old or new, after a crash at any operation', async () => {
    for (let failAt = 1; ; failAt++) {
      disk = memoryPlatform()
      const faulty = faultyPlatform(disk, { failAt, mode: 'crash', cut: 0.5 })
      setPlatform(faulty)
      let first = Number.POSITIVE_INFINITY
      try {
        await using run = await begin([3])
        first = faulty.operations.length
        await run.saveCheckpoint(3, save('later'))
      } catch {}
      setPlatform(disk)
      if (faulty.operations.length < failAt) break
      if (failAt <= first) continue
      await using again = await createRun(out, { ...options, resume: true })
      expect(again.latest?.step, faulty.operations.at(-1)).toBe(3)
      expect(['w3', 'later']).toContain(await platform().readText(joinPath(again.latest!.folder, 'weights')))
    }
  })

  test('one whose writing fails leaves no trace', async () => {
    const run = await begin([3])
    const fail = async (folder: string) => {
      await save('half')(folder)
      throw new Error('no')
    }
    await expect(run.saveCheckpoint(3, fail)).rejects.toThrow('no')
    await expect(run.saveCheckpoint(4, fail)).rejects.toThrow('no')
    expect(Object.keys(disk.files(`${out}/run/checkpoints`))).toEqual([
      'step-000003/state.json',
      'step-000003/training/weights',
    ])
    await run.close()
  })
})

describe('the result', () => {
  test('replaces the files of the one before, the entry file last, and may not hold run/', async () => {
    const moves: string[] = []
    setPlatform({
      ...disk,
      rename: async (from, to) => {
        moves.push(to)
        await disk.rename(from, to)
      },
    })
    const run = await createRun(out, options)
    const result = (names: string[]) => async (folder: string) => {
      for (const name of names) await platform().writeAtomic(joinPath(folder, name), name)
    }
    await run.publish(result(['config.json', 'model-1-of-2', 'model-2-of-2', 'adapter_config.json']))
    expect(moves.map((path) => path.slice(5))).toEqual([
      'model-1-of-2',
      'model-2-of-2',
      'adapter_config.json',
      'config.json',
    ])
    await disk.writeAtomic(`${out}/notes.md`, 'mine')
    await run.publish(result(['config.json', 'model']))
    expect(Object.keys(disk.files(out)).filter((path) => !path.startsWith('run/'))).toEqual([
      'config.json',
      'model',
      'notes.md',
    ])
    const clash = run.publish(async (folder) => {
      await platform().makeFolder(joinPath(folder, 'run'))
      await platform().writeAtomic(joinPath(folder, 'run/x'), '')
    })
    await expect(clash).rejects.toEqual(refused('E_RESULT', /belongs to the run/))
    await run.close()
  })

  test('a list of files that leads out of the folder removes nothing there', async () => {
    await (await begin()).close()
    await disk.writeAtomic('/precious', 'x')
    await disk.writeAtomic(`${out}/notes.md`, 'listed')
    await disk.writeAtomic(`${out}/mine.md`, 'not listed')
    const files = [
      '../precious',
      '/precious',
      'a/../../precious',
      '..\\precious',
      'run/config.json',
      3,
      '',
      '.',
      'a/..',
      'notes.md',
    ]
    await disk.writeAtomic(`${out}/run/result.json`, JSON.stringify({ format: 1, files }))
    await (await createRun(out, { ...options, overwrite: true })).close()
    expect(await disk.readText('/precious')).toBe('x')
    expect(Object.keys(disk.files(out))).toEqual(['mine.md', 'run/config.json', 'run/events.jsonl'])
  })
})

describe('reading', () => {
  test('a half-written last line is passed over, a broken one in the middle is named', async () => {
    await (await begin([1])).close()
    const path = `${out}/run/events.jsonl`
    await disk.append(path, '{"time":1,"type":"st')
    expect((await Array.fromAsync((await readRun(out)).events())).length).toBe(3)
    expect((await listRuns('/'))[0]).toMatchObject({ out, kind: 'sft', state: 'interrupted', step: 3, loss: 1 / 3 })
    await disk.append(path, '\n{"time":2,"type":"step"}\n')
    const reading = readRun(out).then((record) => Array.fromAsync(record.events()))
    await expect(reading).rejects.toEqual(refused('E_CORRUPT', /events.jsonl:5: /))
  })

  test('text across chunk borders comes out whole', async () => {
    const run = await createRun(out, options)
    run.append({ type: 'sample', text: 'naïve 漢字 🙂 "quoted"\nline' } as never)
    await run.close()
    const text = await platform().readFile(`${out}/run/events.jsonl`)
    for (const size of [1, 2, 3, 7]) {
      setPlatform({
        ...disk,
        async *stream() {
          for (let at = 0; at < text.length; at += size) yield text.subarray(at, at + size)
        },
      })
      const [event] = await Array.fromAsync((await readRun(out)).events())
      expect(event.text).toBe('naïve 漢字 🙂 "quoted"\nline')
    }
  })

  test('a run can be given by its inner folder; one that is not there is said so', async () => {
    const run = await begin()
    expect((await readRun(`${out}/run`)).out).toBe(out)
    expect((await readRun(out)).state).toBe('running')
    await run.close()
    await expect(readRun('/nowhere')).rejects.toEqual(refused('E_NOT_FOUND', /no run/))
  })

  test('runs are listed newest first, an unreadable one with its fault', async () => {
    for (const [name, now] of [
      ['a', 1000],
      ['b', 3000],
      ['c', 2000],
    ] as const) {
      setPlatform({ ...disk, now: () => now })
      await (await createRun(`/all/${name}`, options)).close()
    }
    setPlatform(disk)
    await disk.writeAtomic('/all/c/run/config.json', 'not json')
    const runs = await listRuns('/all')
    expect(runs.map((run) => [run.out, run.state])).toEqual([
      ['/all/b', 'interrupted'],
      ['/all/a', 'interrupted'],
      ['/all/c', 'unreadable'],
    ])
    expect(runs[2].fault).toMatch(/config.json/)
  })

  test('any bytes in any file of a run end in values or a coded error', async () => {
    await (await begin([1])).close()
    const paths = Object.keys(disk.files(out)).filter((path) => /\.jsonl?$/.test(path))
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => new TextEncoder().encode(text)),
      fc
        .dictionary(fc.constantFrom('format', 'kind', 'config', 'step', 'eventBytes', 'cursor', 'type'), fc.jsonValue())
        .map((value) => new TextEncoder().encode(JSON.stringify({ format: 1, ...value }))),
    )
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), bytes, async (path, content) => {
        const broken = disk.copy()
        setPlatform(broken)
        await broken.writeAtomic(`${out}/${path}`, content)
        const attempts = [
          async () => await Array.fromAsync((await readRun(out)).events()),
          async () => await listRuns('/'),
          async () => await (await createRun(out, { ...options, resume: true })).close(),
        ]
        for (const attempt of attempts) {
          await attempt().catch((error) => expect(error.code, String(error.stack)).toMatch(/^E_/))
        }
      }),
      { numRuns: 300 },
    )
  })
})

test('differingKeys sees through key order and is empty exactly for equal values', () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue())
  fc.assert(
    fc.property(object, object, (a, b) => {
      const reversed = Object.fromEntries(Object.entries(a).reverse())
      expect(differingKeys(a, reversed)).toEqual([])
      const same = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
      expect(differingKeys(a, b).length === 0).toBe(same)
    }),
  )
})

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .map(([key, inner]) => [key, sorted(inner)])
    .sort()
}
