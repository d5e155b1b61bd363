import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { trainingSuite } from '../../test/training-suite.ts'
import { exampleRows } from '../data/index.ts'
import { type ObjectiveId, objectives } from '../objectives/index.ts'
import { type TrainEvent, train, trainConfig, trainKeys } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'hone-objectives-'))
afterAll(() => rmSync(folder, { recursive: true }))

const ids = Object.keys(objectives) as ObjectiveId[]

trainingSuite(ids.filter((id) => objectives[id].form !== 'pairs'))

test('no parameter takes the name of a key of every training', () => {
  for (const id of ids) {
    const clash = Object.keys(objectives[id].params).filter((name) => name in trainKeys || name === 'reference')
    expect(clash).toEqual([])
    expect('reference' in trainConfig(objectives[id]).shape).toBe(objectives[id].needs.includes('reference'))
  }
})

test('running figures of an objective come back with a checkpoint', async () => {
  const data = exampleRows('unpaired', [])
  const keys = { model: 'tiny', data, learningRate: 1e-3, warmup: 0, schedule: 'constant', threads: 1 } as const
  const lossesOf = async (name: string, steps: number, resume = false) => {
    const losses: number[] = []
    const onEvent = (event: TrainEvent) => event.type === 'step' && losses.push(event.loss)
    await train('bco', { ...keys, out: join(folder, name), steps, resume, beta: 1 }, { onEvent })
    return losses
  }
  const whole = await lossesOf('whole', 4)
  await lossesOf('broken', 2)
  expect(await lossesOf('broken', 4, true)).toEqual(whole.slice(2))
})

test('an answer to another prompt is that of the next row, in every epoch, and one row has none', async () => {
  const data = exampleRows('unpaired', [])
  const keys = { model: 'tiny', out: join(folder, 'alone'), steps: 1 }
  await expect(train('kto', { ...keys, data: data.slice(0, 1) })).rejects.toMatchObject({ code: 'E_EMPTY' })
})
