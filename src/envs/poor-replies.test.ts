import { expect, test } from 'vitest'
import { draws } from './draw.ts'
import { balance, poorContent } from './poor-replies.ts'
import { drawReply, drawRequest, goldScore } from './replies.ts'

test('the balance counts words for and against, below zero too', () => {
  const request = { prompt: '', themes: ['sea', 'farm'] as const }
  const replies = ['', ' wave wave barn', ' wave oven oven', ' oven spoon desk so', ' wave barn tide goat gull', ' wav']
  expect(replies.map((reply) => balance(request, reply))).toEqual([0, 2, -1, -3, 4, -1])
})

test('where the balance is above zero it says what the gold score says; of poor replies it mostly is not', () => {
  const at = draws(1, 'poor replies')
  const seen = Array.from({ length: 300 }, (_, i) => {
    const draw = at(i)
    const request = drawRequest(draw)
    const reply = drawReply(draw, request, poorContent(draw))
    return [balance(request, reply), goldScore(request, reply)]
  })
  for (const [balance, gold] of seen) expect(gold).toBe(Math.max(0, balance) / 4)
  expect(seen.filter(([, gold]) => gold > 0).length).toBeLessThan(100)
})
