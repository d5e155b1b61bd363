import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { exampleRows } from '../src/data/index.ts'
import { type ObjectiveId, objectives } from '../src/objectives/index.ts'
import { type TrainEvent, train } from '../src/train/index.ts'

/** Each of these objectives trains the shipped model, on the rows that its own help shows. */
export function trainingSuite(ids: readonly ObjectiveId[]): void {
  const folder = mkdtempSync(join(tmpdir(), 'hone-objectives-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  test.each(ids)('%s trains, resumes nothing, and reports finite figures', async (id) => {
    const { form, needs } = objectives[id]
    const steps: TrainEvent[] = []
    const other = needs.includes('teacher') ? { teacher: 'tiny' } : {}
    const target = { model: 'tiny', data: exampleRows(form, needs), out: join(folder, id), ...other }
    const result = await train(id, { ...target, steps: 2, learningRate: 1e-4, threads: 1 } as never, {
      onEvent: (event) => event.type === 'step' && steps.push(event),
    })
    expect(result).toMatchObject({ steps: 2, interrupted: false })
    for (const event of steps) {
      if (event.type !== 'step') continue
      // A model that is its own teacher has nothing to learn.
      expect(event.gradNorm).toBeGreaterThan(id === 'distill' ? -1 : 0)
      for (const value of [event.loss, ...Object.values(event.metrics)]) expect(value).toEqual(expect.any(Number))
    }
  })
}
