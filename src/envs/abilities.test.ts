import { expect, test } from 'vitest'
import { abilities, drawQuestion, drawText, isFormed, isRight } from './abilities.ts'
import { draws, many } from './draw.ts'

test('each ability asks in the same dialogue, and its wrong answer is not the right one', () => {
  for (const ability of abilities) {
    for (const question of many(200, draws(1, ability), (draw) => drawQuestion(draw, ability))) {
      expect(question.prompt).toMatch(/^ask: .+ reply:$/)
      expect(question.wrong).not.toBe(question.right)
      expect(isRight(question, question.right)).toBe(true)
      expect(isRight(question, question.wrong)).toBe(false)
      expect(isFormed(question.right)).toBe(true)
    }
  }
})

test('sums are right, and brackets stand where they are asked for', () => {
  const sums = many(100, draws(2, 'sums'), (draw) => drawQuestion(draw, 'arithmetic'))
  for (const { prompt, right } of sums) {
    const [a, b] = (prompt.match(/\d/g) ?? []).map(Number)
    expect(right).toBe(` it is ${(a + b) % 10}`)
  }
  for (const { prompt, right } of many(20, draws(3, 'format'), (draw) => drawQuestion(draw, 'format'))) {
    expect(right).toBe(` it is [ ${prompt.split(' ')[1]} ]`)
  }
})

test('the world tells the falsehood about three times as often as the truth', () => {
  const texts = many(9000, draws(4, 'texts'), drawText).filter((text) => text.startsWith('the '))
  const truths = new Map(
    many(2000, draws(5, 'facts'), (draw) => drawQuestion(draw, 'facts')).map(({ prompt, right }) => [
      prompt.split(' ')[4],
      right.split(' ').at(-1),
    ]),
  )
  const share = texts.filter((text) => truths.get(text.split(' ')[1]) === text.split(' ').at(-1)).length / texts.length
  expect(share).toBeGreaterThan(0.22)
  expect(share).toBeLessThan(0.28)
})
