import { expect, test } from 'vitest'
import { draws, many } from './draw.ts'
import { drawComplaint } from './remedies.ts'
import {
  drawFormless,
  drawWordyPrompt,
  drawWordyReply,
  wordsOf,
  wordyRequests,
  worthOfReply,
} from './wordy-remedies.ts'

const complaint = drawComplaint(draws(1, 'wordy')(0), 0)
const [best, other] = complaint.remedies

test('a reply is worth what it begins with, however long it is', () => {
  expect(worthOfReply(complaint, best.text)).toBe(1)
  expect(worthOfReply(complaint, `${other.text} they say${best.text}`)).toBe(other.worth)
  expect(['', ' they say', ' they', `${best.text.trim()}y`].map((reply) => worthOfReply(complaint, reply))).toEqual([
    0, 0, 0, 0,
  ])
})

test('replies are a remedy and none to two words; those out of form are up to eight', () => {
  const replies = many(3000, draws(2, 'replies'), (draw) => drawWordyReply(draw, complaint))
  const lengths = replies.map((reply) => wordsOf(reply).length)
  for (const length of [1, 2, 3]) {
    expect(Math.abs(lengths.filter((one) => one === length).length / 3000 - 1 / 3)).toBeLessThan(0.04)
  }
  expect(replies.every((reply) => complaint.remedies.some(({ text }) => reply.startsWith(text)))).toBe(true)
  const formless = many(1000, draws(3, 'formless'), (draw) => wordsOf(drawFormless(draw, complaint)).length)
  expect([Math.min(...formless), Math.max(...formless)]).toEqual([1, 8])
})

test('prompts that are drawn are among those that can be asked, each of its own', () => {
  const prompts = wordyRequests(complaint).map(({ prompt }) => prompt)
  expect(new Set(prompts).size).toBe(40)
  const drawn = many(1000, draws(4, 'prompts'), (draw) => drawWordyPrompt(draw, complaint))
  expect(new Set(drawn)).toEqual(new Set(prompts))
})
