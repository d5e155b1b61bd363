import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fakeTraining } from '../../test/fake-training.ts'
import { Crash, faultyPlatform } from '../../test/faults.ts'
import { type MemoryPlatform, memoryPlatform } from '../../test/memory.ts'
import { HoneError, type Platform, platform, setPlatform } from '../base/index.ts'
import { createRun, readRun } from '../runs/index.ts'
import { type DriveOptions, type DriveResult, drive } from './drive.ts'
import type { TrainEvent } from './events.ts'

const out = '/disk/out'
const config = { steps: 7, learningRate: 1e-3, adapter: { rank: 8 } }
const machine = platform()
let disk: MemoryPlatform

beforeEach(async () => {
  disk = memoryPlatform()
  setPlatform(disk)
})
afterEach(() => {
  setPlatform(machine)
})

interface Session extends Partial<Omit<DriveOptions, 'run'>> {
  training?: ReturnType<typeof fakeTraining>
  resume?: boolean
  overwrite?: boolean
  config?: Record<string, unknown>
  on?: Platform
}

async function session(given: Session = {}): Promise<DriveResult> {
  const { training = fakeTraining(), resume, overwrite, on, config: wanted = config, ...options } = given
  if (on) setPlatform(on)
  try {
    await using run = await createRun<TrainEvent>(out, { kind: 'sft', config: wanted, resume, overwrite })
    return await drive(training, { run, saveEvery: 2, ...options })
  } finally {
    if (on) setPlatform(disk)
  }
}

const withoutTime = (text: string) =>
  text.replace(/"(time|seconds|tokensPerSecond)":\s*[\d.e+-]+/g, '"$1":0').replace(/"created":\s*"[^"]+"/, '')

/** All that must be equal between a broken and an unbroken run. */
const outcome = (at: MemoryPlatform) =>
  Object.fromEntries(
    Object.entries(at.files(out)).flatMap(([path, text]) =>
      path.startsWith('run/lock-') ? [] : [[path, withoutTime(text)]],
    ),
  )

async function unbroken(options: Session = {}) {
  const before = disk
  disk = memoryPlatform()
  setPlatform(disk)
  await session(options)
  const result = outcome(disk)
  disk = before
  setPlatform(disk)
  return result
}

const thrownBy = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (thrown) => thrown,
  )

describe('a run from beginning to end', () => {
  test('leaves the model in the output folder and its record beside it', async () => {
    const result = await session()
    expect(result).toMatchObject({ steps: 7, loss: 5 / 7, evalLoss: 10 / 6, tokens: 448, interrupted: false, out })
    expect(result.tokensPerSecond).toBeCloseTo(6400)
    expect(Object.keys(disk.files(out))).toEqual([
      'config.json',
      'extra/notes.txt',
      'model.safetensors',
      'run/checkpoints/step-000006/state.json',
      'run/checkpoints/step-000006/training/state.json',
      'run/checkpoints/step-000006/training/weights.txt',
      'run/checkpoints/step-000007/state.json',
      'run/checkpoints/step-000007/training/state.json',
      'run/checkpoints/step-000007/training/weights.txt',
      'run/config.json',
      'run/events.jsonl',
      'run/report.json',
      'run/result.json',
    ])
    const record = await readRun(out)
    expect(record).toMatchObject({ state: 'finished', kind: 'sft', config, checkpoints: [6, 7] })
    const events = await Array.fromAsync(record.events())
    expect(events.map((event) => event.type)).toEqual(
      'step step step eval sample step step step eval sample step'.split(' '),
    )
  })

  test('the best checkpoint outlives the last ones, and can be the result', async () => {
    const options = { totalSteps: 12, evalEvery: 2, evalLoss: (step: number) => Math.abs(step - 4) + 1 }
    const result = await session({ training: fakeTraining(options), result: 'best', config: { ...config, steps: 12 } })
    expect(result.best).toEqual({ step: 4, loss: 1 })
    expect((await readRun(out)).checkpoints).toEqual([4, 10, 12])
    expect(disk.files(out)['extra/notes.txt']).toBe('after 4')
  })

  test('patience ends the training early, the same way after a resume', async () => {
    const options = { totalSteps: 40, evalEvery: 2, evalLoss: (step: number) => (step === 4 ? 1 : 2) }
    const whole = await unbroken({ training: fakeTraining(options), patience: 3 })
    expect(whole['run/events.jsonl']).toContain('W_EARLY_STOP')
    expect(JSON.parse(whole['run/report.json']).steps).toBe(10)
    const stop = new AbortController()
    const onEvent = (event: TrainEvent) => event.type === 'step' && event.step === 7 && stop.abort()
    await session({ training: fakeTraining(options), patience: 3, signal: stop.signal, onEvent })
    await session({ training: fakeTraining(options), patience: 3, resume: true })
    expect(outcome(disk)['run/events.jsonl']).toBe(whole['run/events.jsonl'])
    expect(outcome(disk)['model.safetensors']).toBe(whole['model.safetensors'])
  })

  test('an aligned evaluation costs one checkpoint, not two', async () => {
    const counted = faultyPlatform(disk, { failAt: Number.POSITIVE_INFINITY, mode: 'ENOSPC' })
    await session({ training: fakeTraining({ totalSteps: 6, evalEvery: 2 }), saveEvery: 2, on: counted })
    const saved = counted.operations.filter((line) => line.endsWith('training/weights.txt'))
    expect(saved).toHaveLength(3)
  })

  test('time alone makes a checkpoint due', async () => {
    let now = 0
    const on = { ...disk, elapsed: () => now }
    const training = fakeTraining({ totalSteps: 13, evalEvery: 100 })
    const saved: number[] = []
    const save = training.save
    training.save = (folder) => {
      saved.push(training.step)
      return save(folder)
    }
    await session({ training, saveEvery: null, saveSeconds: 10, on, onEvent: () => (now += 3) })
    expect(saved).toEqual([4, 8, 12, 13])
  })
})

describe('after the end', () => {
  test('a resume does nothing and gives the same figures', async () => {
    const first = await session()
    const before = outcome(disk)
    const training = fakeTraining()
    const again = await session({ training, resume: true })
    expect(again).toEqual({ ...first, alreadyFinished: true })
    expect(training.step).toBe(0)
    expect(outcome(disk)).toEqual(before)
  })

  test('more steps go on from the last checkpoint, to the same end as one long run', async () => {
    const long = { ...config, steps: 11 }
    const whole = await unbroken({ training: fakeTraining({ totalSteps: 11 }), config: long })
    await session()
    await session({ training: fakeTraining({ totalSteps: 11 }), config: long, resume: true })
    const events = (text: string) => text.replace(/"epoch":[\d.]+/g, '').replace(/"accuracy":[\d.]+/g, '')
    expect(outcome(disk)['model.safetensors']).toBe(whole['model.safetensors'])
    expect(events(outcome(disk)['run/events.jsonl'])).toBe(events(whole['run/events.jsonl']))
    expect((await readRun(out)).config).toEqual(long)
  })

  test('more steps that are interrupted in turn are no finished run', async () => {
    const long = { ...config, steps: 11 }
    await session()
    const stop = new AbortController()
    const onEvent = (event: TrainEvent) => event.type === 'step' && event.step === 9 && stop.abort()
    const given = { training: fakeTraining({ totalSteps: 11 }), config: long, resume: true }
    expect(await session({ ...given, signal: stop.signal, onEvent })).toMatchObject({ interrupted: true, steps: 9 })
    expect((await readRun(out)).state).toBe('interrupted')
    const last = await session({ ...given, training: fakeTraining({ totalSteps: 11 }) })
    expect(last).toMatchObject({ steps: 11, alreadyFinished: false })
  })

  test('overwrite starts anew and leaves what is not ours', async () => {
    await session()
    await disk.writeAtomic(`${out}/mine.txt`, 'keep')
    await session({
      training: fakeTraining({ totalSteps: 3 }),
      overwrite: true,
      config: { ...config, learningRate: 7 },
    })
    const record = await readRun(out)
    expect(record.config.learningRate).toBe(7)
    expect((await Array.fromAsync(record.events())).length).toBe(5)
    expect(disk.files(out)['mine.txt']).toBe('keep')
    expect(record.checkpoints).toEqual([2, 3])
  })
})

describe('stopping', () => {
  test('a signal ends after the current update with a checkpoint; the rest follows on resume', async () => {
    const whole = await unbroken()
    for (let stopAt = 1; stopAt <= 11; stopAt++) {
      disk = memoryPlatform()
      setPlatform(disk)
      const stop = new AbortController()
      let seen = 0
      const result = await session({ signal: stop.signal, onEvent: () => ++seen === stopAt && stop.abort() })
      expect(result.interrupted).toBe(true)
      expect((await readRun(out)).state).toBe('interrupted')
      expect((await readRun(out)).checkpoints.at(-1)).toBe(result.steps)
      expect(await session({ resume: true })).toMatchObject({ steps: 7, tokens: 448, interrupted: false })
      expect(outcome(disk)['run/events.jsonl']).toBe(whole['run/events.jsonl'])
      expect(outcome(disk)['model.safetensors']).toBe(whole['model.safetensors'])
    }
  })

  test('a training that throws E_ABORTED within an update keeps the checkpoint before', async () => {
    const stop = new AbortController()
    const training = fakeTraining()
    const inner = training.run
    training.run = async function* (options) {
      for await (const event of inner(options)) {
        if (training.step === 5) {
          stop.abort()
          throw new HoneError('E_ABORTED', 'stopped on request')
        }
        yield event
      }
    }
    expect(await session({ training, signal: stop.signal })).toMatchObject({ interrupted: true, steps: 4 })
    expect((await readRun(out)).checkpoints).toEqual([3, 4])
    await session({ resume: true })
    expect(outcome(disk)['model.safetensors']).toBe((await unbroken())['model.safetensors'])
  })

  test('a signal that fired before the start leaves a run that can be resumed', async () => {
    expect(await session({ signal: AbortSignal.abort() })).toMatchObject({ interrupted: true, steps: 0, loss: null })
    expect(await session({ resume: true })).toMatchObject({ steps: 7 })
  })

  test('a stop before the first update keeps nothing, so what was warned of is not said twice', async () => {
    const warned = () => {
      const training = fakeTraining()
      const inner = training.run
      training.run = async function* (options) {
        if (training.step === 0) yield { type: 'warning', code: 'W_ROWS', message: 'rows were dropped', count: 2 }
        yield* inner(options)
      }
      return training
    }
    const whole = await unbroken({ training: warned() })
    const stop = new AbortController()
    await session({ training: warned(), signal: stop.signal, onEvent: () => stop.abort() })
    expect((await readRun(out)).checkpoints).toEqual([])
    await session({ training: warned(), resume: true })
    expect(outcome(disk)).toEqual(whole)
  })

  test('a non-finite loss keeps the last good checkpoint and is on the record', async () => {
    const error = await session({ training: fakeTraining({ nonFiniteAt: 6 }) }).catch((thrown) => thrown)
    expect(error.code).toBe('E_NON_FINITE')
    expect(error.message).toMatch(/update 6 gave the loss NaN.*checkpoint of update 4 is kept/)
    const record = await readRun(out)
    expect(record.checkpoints).toEqual([3, 4])
    expect((await Array.fromAsync(record.events())).at(-1)).toMatchObject({ type: 'warning', code: 'E_NON_FINITE' })
    await session({ resume: true })
    expect(outcome(disk)['run/events.jsonl']).toBe((await unbroken())['run/events.jsonl'])
  })
})

/** Where a resume would go on from, seen on a copy of the disk. */
async function latestStep(): Promise<number> {
  setPlatform(disk.copy())
  try {
    await using run = await createRun<TrainEvent>(out, { kind: 'sft', config, resume: true })
    return run.latest?.step ?? 0
  } finally {
    setPlatform(disk)
  }
}

describe('faults', () => {
  const operationsOf = async (options: Session = {}) => {
    const counted = faultyPlatform(memoryPlatform(), { failAt: Number.POSITIVE_INFINITY, mode: 'ENOSPC' })
    await session({ ...options, on: counted })
    return counted.operations
  }

  test.each([0, 0.5, 1])(
    'a crash at every operation, %d of it done: a resume ends like an unbroken run',
    async (cut) => {
      const whole = await unbroken()
      const operations = await operationsOf()
      expect(operations.length).toBeGreaterThan(60)
      for (let failAt = 1; failAt <= operations.length; failAt++) {
        disk = memoryPlatform()
        setPlatform(disk)
        const on = faultyPlatform(disk, { failAt, mode: 'crash', cut })
        const broken = await thrownBy(session({ on }))
        // Only the lock, given back last, is not missed when it fails.
        if (failAt < operations.length) expect(broken, operations[failAt - 1]).toBeInstanceOf(Crash)
        const finished = on.operations.slice(0, failAt - 1).filter((line) => /new-step-\d+ → /.test(line))
        const kept = Number(/\d+$/.exec(finished.at(-1) ?? '')?.[0] ?? 0)
        expect(await latestStep(), operations[failAt - 1]).toBeGreaterThanOrEqual(kept)
        await session({ resume: true })
        expect(outcome(disk), operations[failAt - 1]).toEqual(whole)
      }
    },
  )

  test('two crashes in a row, the second at every operation of the resume', async () => {
    const whole = await unbroken()
    const operations = await operationsOf()
    const half = memoryPlatform()
    const first = faultyPlatform(half, { failAt: Math.floor(operations.length * 0.6), mode: 'crash', cut: 0.5 })
    await session({ on: first }).catch(() => {})
    for (let failAt = 1; ; failAt++) {
      disk = half.copy()
      setPlatform(disk)
      const second = faultyPlatform(disk, { failAt, mode: 'crash', cut: 0.5 })
      const ended = await session({ on: second, resume: true }).then(
        () => true,
        () => false,
      )
      if (second.operations.length < failAt) break
      if (!ended) await session({ resume: true })
      expect(outcome(disk), second.operations.at(-1)).toEqual(whole)
    }
  })

  test.each(['ENOSPC', 'full'] as const)(
    'a disk full (%s) at every operation says so; a resume ends alike',
    async (mode) => {
      const whole = await unbroken()
      const operations = await operationsOf()
      for (let failAt = 1; failAt <= operations.length; failAt++) {
        disk = memoryPlatform()
        setPlatform(disk)
        const on = faultyPlatform(disk, { failAt, mode, cut: 0.5 })
        const error = await thrownBy(session({ on }))
        // What needs no space, and the lock that is given back last, may be all that is left to do.
        if (error === null && (mode === 'full' || failAt === operations.length)) continue
        expect(error, operations[failAt - 1]).toMatchObject({ code: 'E_DISK_FULL' })
        const model = disk.files(out)
        if (model['config.json']) expect(model['model.safetensors']).toBe(whole['model.safetensors'])
        await session({ resume: true })
        expect(outcome(disk), operations[failAt - 1]).toEqual(whole)
      }
    },
  )

  test('a disk full while a checkpoint is written leaves the one before and names it', async () => {
    const operations = await operationsOf()
    const failAt = operations.findIndex((line) => /new-step-000004.training.weights/.test(line)) + 1
    const error = await session({ on: faultyPlatform(disk, { failAt, mode: 'full' }) }).catch((thrown) => thrown)
    expect(error.message).toMatch(/checkpoint of step 4 was not written.*checkpoint of step 3 is intact/)
    expect((await readRun(out)).checkpoints).toEqual([2, 3])
  })

  test('a disk full at the very start leaves nothing in the way of the same command', async () => {
    for (let failAt = 1; failAt <= 5; failAt++) {
      disk = memoryPlatform()
      setPlatform(disk)
      await session({ on: faultyPlatform(disk, { failAt, mode: 'full' }) }).catch(() => {})
      expect(await session()).toMatchObject({ steps: 7 })
    }
  })

  test('a crash at every operation of an overwrite: overwritten again, nothing of the old run remains', async () => {
    await session({ training: fakeTraining({ totalSteps: 9 }), config: { ...config, learningRate: 9 } })
    const old = disk
    const whole = await unbroken()
    for (let failAt = 1; ; failAt++) {
      disk = old.copy()
      setPlatform(disk)
      const on = faultyPlatform(disk, { failAt, mode: 'crash', cut: 0.5 })
      await session({ on, overwrite: true }).catch(() => {})
      if (on.operations.length < failAt) break
      await session({ overwrite: true })
      expect(outcome(disk), on.operations.at(-1)).toEqual(whole)
    }
  })
})
