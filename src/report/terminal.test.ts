import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { StepEvent } from '../train/events.ts'
import {
  advanceProgress,
  evalText,
  progressLine,
  remainingSeconds,
  sparkline,
  startProgress,
  textTable,
} from './terminal.ts'

describe('sparkline', () => {
  test('draws columns of one to four dots', () => {
    expect(sparkline([1, 2, 3, 4], 2)).toBe('⣠⣾')
    expect(sparkline([4, 3, 2, 1], 2)).toBe('⣷⣄')
    expect(sparkline([5, 5, 5], 2)).toBe('⣤⡄')
    expect(sparkline([0, Number.NaN, 1, 1], 2)).toBe('⡀⣿')
    expect(sparkline([], 10)).toBe('')
    expect(sparkline([1, 2], 0)).toBe('')
  })

  test('averages neighbours when there are more values than columns', () => {
    expect(sparkline([1, 1, 2, 2, 3, 3, 4, 4], 2)).toBe(sparkline([1, 2, 3, 4], 2))
  })

  test('is braille alone, never wider than asked, for any values', () => {
    fc.assert(
      fc.property(fc.array(fc.double()), fc.integer({ min: 0, max: 40 }), (values, width) => {
        const text = sparkline(values, width)
        expect(text).toMatch(/^[\u2800-\u28ff]*$/)
        expect(text.length).toBe(Math.min(Math.ceil(values.length / 2), width))
      }),
    )
  })
})

const step = (n: number, loss: number): StepEvent => {
  const figures = { learningRate: 1, gradNorm: 1, tokens: 640, lossTokens: 64, seconds: 0.2, epoch: 0, metrics: {} }
  return { type: 'step', step: n, loss, ...figures }
}

describe('progress', () => {
  test('speed and remaining time are those of this session, not of what was resumed', () => {
    let progress = startProgress('sft', 200, 100)
    expect(remainingSeconds(progress)).toBeNull()
    expect(progressLine(progress)).toBe('sft  100/200  50 %')
    for (let n = 101; n <= 110; n++) progress = advanceProgress(progress, step(n, 300 - n), (n - 100) * 0.5)
    expect(remainingSeconds(progress)).toBe(45)
    progress = advanceProgress(progress, { type: 'eval', step: 110, loss: 1.5, metrics: {} }, 5)
    expect(progressLine(progress, 100)).toBe('sft  110/200  55 %  loss 190  eval 1.5  3.2k tok/s  ETA 45s  ⣿⣶⣦⣤⣀')
  })

  test('at the end it tells the time it took', () => {
    const progress = advanceProgress(startProgress('dpo', 1), step(1, 0.5), 75)
    expect(progressLine(progress)).toBe('dpo  1/1  100 %  loss 0.5  3.2k tok/s  1m15s')
  })

  test('never exceeds its width, keeps the most important parts and the order', () => {
    let progress = startProgress('sft', 1000)
    for (let n = 1; n <= 600; n++) progress = advanceProgress(progress, step(n, 1 / n), n)
    expect(progress.losses).toHaveLength(512)
    for (let width = 3; width < 120; width++) expect(progressLine(progress, width).length).toBeLessThanOrEqual(width)
    expect(progressLine(progress, 28)).toBe('sft  600/1000  loss 0.001667')
    expect(progressLine(progress, 3)).toBe('sft')
  })
})

describe('tables', () => {
  test('columns are aligned, the first to the left', () => {
    expect(
      textTable([
        ['task', 'n'],
        ['a', '10'],
        ['größer', '5'],
      ]),
    ).toBe('task     n\na       10\ngrößer   5')
    expect(textTable([])).toBe('')
  })

  test('figures stand with intervals, means and marks, a block for each metric', () => {
    const figure = (value: number, metric = 'exact_match') => ({
      metric,
      value,
      low: value - 0.05,
      high: value + 0.05,
      n: 50,
    })
    const text = evalText({
      base: { tasks: { add: figure(0.1), sort: figure(0.5), chat: figure(9, 'perplexity') } },
      sft: { tasks: { add: figure(0.9), sort: figure(0.52), chat: figure(3, 'perplexity') } },
    })
    expect(text.replaceAll('\u00a0', ' ').split('\n')).toEqual([
      'exact match                       base                        sft   n',
      'add           10.0 % (5.0 to 15.0 %)    90.0 % (85.0 to 95.0 %) ▲  50',
      'sort         50.0 % (45.0 to 55.0 %)    52.0 % (47.0 to 57.0 %)    50',
      'mean                          30.0 %                     71.0 %',
      '',
      'perplexity                base                 sft   n',
      'chat        9 (8.95 to 9.05)    3 (2.95 to 3.05) ▲  50',
    ])
  })
})
