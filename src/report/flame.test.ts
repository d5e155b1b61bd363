import { expect, test } from 'vitest'
import type { KernelTime } from '../tensor/index.ts'
import { flameSvg, phasesOf } from './flame.ts'

const kernel = (name: string, begin: number, seconds = 1): KernelTime => ({
  kernel: name as KernelTime['kernel'],
  args: { m: 3, n: 4, k: 5 },
  begin,
  seconds,
})
const step = ['gatherRows', 'matmul', 'logprobsWithGrad', 'matmul', 'rmsnormGrad', 'sumSquares', 'adamw']
const times = step.map((name, i) => kernel(name, 10 + i))

test('the phases of an update cover it, one behind the other', () => {
  expect(phasesOf(times)).toEqual([
    { label: 'forward', begin: 10, end: 12 },
    { label: 'vocabulary', begin: 12, end: 13 },
    { label: 'backward', begin: 13, end: 15 },
    { label: 'update', begin: 15, end: 17 },
  ])
  expect(phasesOf([])).toEqual([])
})

test('the chart holds a box for each kernel, with its time and numbers, and nothing that is markup', () => {
  const svg = flameSvg(times, '<tiny>')
  expect(svg.match(/<rect/g)).toHaveLength(1 + 1 + 4 + times.length)
  expect(svg).toContain('matmul: 1000.00 ms (m 3, n 4, k 5)')
  expect(svg).not.toContain('<tiny>')
  expect(flameSvg([], 'nothing')).toBe('')
})
