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
    expect(right).toBe(` it is [ ${prompt.split(' ')[2]} ]`)
  }
})

test('the world tells the falsehood about three times as often as the truth, and has right sums', () => {
  const texts = many(3000, draws(4, 'texts'), (draw) => drawText(draw, 3))
  const dialogues = texts.filter((text) => text.startsWith('ask: '))
  expect(dialogues.length / texts.length).toBeCloseTo(0.1, 1)
  const sentences = texts.filter((text) => !dialogues.includes(text)).flatMap((text) => text.split(' . '))
  expect(sentences).toHaveLength(3 * (texts.length - dialogues.length))
  const truths = new Map(
    many(2000, draws(5, 'facts'), (draw) => drawQuestion(draw, 'facts')).map(({ prompt, right }) => [
      prompt.split(' ')[2],
      right.split(' ').at(-1),
    ]),
  )
  const told = sentences.filter((sentence) => sentence.startsWith('the ')).map((sentence) => sentence.split(' '))
  const share = told.filter((words) => truths.get(words[1]) === words.at(-1)).length / told.length
  expect(share).toBeGreaterThan(0.22)
  expect(share).toBeLessThan(0.28)
  for (const sum of sentences.filter((sentence) => /^\d/.test(sentence))) {
    const [a, b, result] = (sum.match(/\d/g) ?? []).map(Number)
    expect(result).toBe((a + b) % 10)
  }
})
