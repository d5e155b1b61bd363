import { expect, test } from 'vitest'
import { draws, many } from './draw.ts'
import { askFor, askForAll, complaintCount, drawComplaint, drawRemedy } from './remedies.ts'

const at = draws(1, 'remedies')
const complaints = Array.from({ length: complaintCount }, (_, i) => drawComplaint(at(i), i))

test('one herb is worth 1, by far the best; shares are those of all replies', () => {
  for (const { remedies } of complaints) {
    const [best, ...others] = remedies
    expect(best.worth).toBe(1)
    expect(Math.max(...others.map(({ worth }) => worth))).toBeLessThan(0.6)
    expect(best.share).toBeGreaterThanOrEqual(0.01)
    expect(best.share).toBeLessThanOrEqual(0.2)
    expect(remedies.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12)
    expect(new Set(remedies.map(({ text }) => text)).size).toBe(12)
  }
  expect(drawComplaint(at(7), 7)).toEqual(complaints[7])
})

test('every complaint is asked about in words of its own', () => {
  expect(new Set(complaints.flatMap(askForAll)).size).toBe(complaintCount * 8)
  expect(askForAll(complaints[3])).toContain(askFor(draws(2, 'asking')(0), complaints[3]))
})

test.each([1, 0.5])('remedies are named as often as their shares to the power %d say', (power) => {
  const [complaint] = complaints
  const named = many(40_000, draws(3, 'replies'), (draw) => drawRemedy(draw, complaint, power))
  const weights = complaint.remedies.map(({ share }) => share ** power)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  for (const [i, remedy] of complaint.remedies.entries()) {
    const share = named.filter((one) => one === remedy).length / named.length
    expect(Math.abs(share - weights[i] / total)).toBeLessThan(0.012)
  }
})
