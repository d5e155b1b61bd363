import { describe, expect, test } from 'vitest'
import { environments, phrase } from '../envs/index.ts'
import { type GenerateTask, task, tasks } from './tasks.ts'

const generate = (id: string): GenerateTask => {
  const found = task(id)
  if (found.kind !== 'generate') throw new Error(`${id} is of kind ${found.kind}`)
  return found
}

describe('the shipped tasks', () => {
  test('are one for each environment besides the two over all', () => {
    const ids = tasks.map(({ id }) => id)
    expect(ids).toEqual(['tiny', 'tiny-style', ...environments.map(({ id }) => `tiny-${id}`)])
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('the aggregate asks what the families ask', () => {
    const whole = generate('tiny').items(3, 4 * environments.length)
    const parts = environments.flatMap(({ id }) => generate(`tiny-${id}`).items(3, 4))
    expect(whole).toEqual(parts)
    expect(generate('tiny-style').items(3, 4 * environments.length)).toEqual(whole)
  })

  test('another seed asks other questions, the same seed the same', () => {
    const prompts = (seed: number) =>
      generate('tiny')
        .items(seed, 100)
        .map(({ item }) => item?.prompt)
    expect(prompts(1)).toEqual(prompts(1))
    const first = new Set(prompts(1))
    expect(prompts(2).filter((prompt) => first.has(prompt)).length).toBeLessThan(10)
  })

  test('accuracy takes both styles, preference one', () => {
    const items = generate('tiny').items(0, environments.length)
    for (const item of items) {
      const [answer] = item.accepted
      const chatty = phrase(answer, 'chatty', 5)
      expect([answer, chatty, 'lamp'].map((text) => generate('tiny').score(item, text))).toEqual([1, 1, 0])
      expect([answer, chatty, 'lamp'].map((text) => generate('tiny-style').score(item, text))).toEqual([1, 0, 0])
    }
  })

  test('an unknown name is refused with the known ones', () => {
    expect(() => task('tiny-sing')).toThrow("no task 'tiny-sing'")
  })
})
