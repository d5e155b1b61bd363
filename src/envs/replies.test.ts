import { expect, test } from 'vitest'
import { draws } from './draw.ts'
import { drawCandidates, drawContent, drawReply, drawReplyPair, drawRequest, goldScore } from './replies.ts'

const at = draws(1, 'replies')
const many = <T>(count: number, make: (index: number) => T) => Array.from({ length: count }, (_, i) => make(i))
const lengthOf = (reply: string) => reply.trim().split(' ').length

test('gold counts the words of the themes once, others against, fillers not at all', () => {
  const request = { prompt: '', themes: ['sea', 'farm'] as const }
  const score = (reply: string) => goldScore({ ...request, themes: ['sea', 'farm'] }, reply)
  expect(score(' wave barn')).toBe(0.5)
  expect(score(' wave wave wave')).toBe(0.25)
  expect(score(' wave barn tide goat gull')).toBe(1)
  expect(score(' wave barn oven')).toBe(0.25)
  expect(score(' well wave so barn indeed truly also')).toBe(0.5)
  expect(score(' oven oven')).toBe(0)
  expect(score('')).toBe(0)
})

test('a reply has the content that was asked for', () => {
  for (const i of many(200, (i) => i)) {
    const draw = at(i)
    const request = drawRequest(draw)
    const content = drawContent(draw)
    const reply = drawReply(draw, request, content)
    expect(lengthOf(reply)).toBe(content.good + content.bad + content.filler)
    expect(goldScore(request, reply)).toBe(Math.max(0, Math.min(4, content.good) - content.bad) / 4)
  }
})

test('shifted requests bring together themes that never meet in training', () => {
  const pair = ({ themes }: { themes: readonly string[] }) => [...themes].sort().join(' ')
  const train = new Set(many(3000, (i) => pair(drawRequest(at(i)))))
  const shifted = new Set(many(3000, (i) => pair(drawRequest(at(i), true))))
  expect(train.size).toBe(36)
  expect(shifted.size).toBe(30)
  expect([...shifted].filter((themes) => train.has(themes))).toEqual([])
})

test('the chosen reply is better, and longer by the stretch on average', () => {
  const pairs = many(2000, (i) => drawReplyPair(at(i), 1.6))
  const mean = (side: 'chosen' | 'rejected') =>
    pairs.reduce((sum, pair) => sum + lengthOf(pair[side]), 0) / pairs.length
  expect(Math.abs(mean('chosen') / mean('rejected') - 1.6)).toBeLessThan(0.1)
  expect(Math.max(...pairs.map(({ chosen }) => lengthOf(chosen)))).toBeLessThanOrEqual(18)
  expect(drawReplyPair(at(7), 1.6)).toEqual(pairs[7])
})

test('candidates fall in score and are four', () => {
  for (const i of many(100, (i) => i)) {
    const { replies, scores } = drawCandidates(at(i), 4)
    expect(replies).toHaveLength(4)
    expect(scores).toEqual(scores.toSorted((a, b) => b - a))
    expect(new Set(scores).size).toBe(4)
  }
})
