import { describe, expect, test } from 'vitest'
import { random } from '../base/index.ts'
import { environment, environments, families, LEXICON } from './index.ts'
import type { Environment, Item, Split } from './types.ts'

const SPLITS: Split[] = ['train', 'held-out']

function items(env: Environment, split: Split, n: number, seed = 11): Item[] {
  const source = random(seed, 'test')
  return Array.from({ length: n }, (_, i) => env.sample(source, split, i))
}

/** The material of a prompt, found again from its text alone: the longest run of lexicon words and separators. */
function listOf(item: Item): string[] {
  const words = new Set([...LEXICON.train, ...LEXICON['held-out']])
  const runs = item.prompt.match(/[a-z]+(?:, [a-z]+)+/g) ?? []
  const lists = runs.map((run) => run.split(', ').filter((word) => words.has(word)))
  return lists.sort((a, b) => b.length - a.length)[0] ?? []
}

/** The answer worked out from the prompt by other means than the family's: the oracle of the test. */
const ORACLES: Record<string, (list: string[]) => string> = {
  first: (list) => list[0],
  last: (list) => list[list.length - 1],
  copy: (list) => list.join(', '),
  reverse: (list) => list.reduceRight((text, word) => (text === '' ? word : `${text}, ${word}`), ''),
  join: (list) => list.join(' and '),
  count: (list) => ['', 'one', 'two', 'three', 'four', 'five', 'six'][list.length],
  twice: (list) => list.filter((word, i) => list.indexOf(word) !== i).join(),
  ends: (list) => [list[0], list[list.length - 1]].join(', '),
}

describe.each(environments.map((env) => [env.id, env] as const))('%s', (id, env) => {
  test('the same coordinates give the same item, others another', () => {
    expect(items(env, 'train', 20)).toEqual(items(env, 'train', 20))
    expect(items(env, 'train', 20, 12)).not.toEqual(items(env, 'train', 20))
    expect(new Set(items(env, 'train', 300).map(({ prompt }) => prompt)).size).toBeGreaterThan(290)
  })

  test('every demonstration passes, in both styles', () => {
    for (const split of SPLITS) {
      for (const [i, item] of items(env, split, 100).entries()) {
        for (const style of ['brief', 'chatty'] as const) {
          const [user, assistant] = env.demonstrate(item, style, i)
          expect(user).toEqual({ role: 'user', content: item.prompt })
          expect(assistant.role).toBe('assistant')
          expect(env.verify(item, assistant.content)).toBe(true)
        }
      }
    }
  })

  test('wrong answers fail: the prompt, the material, a word too few or too many, silence', () => {
    for (const item of items(env, 'held-out', 100)) {
      const words = item.answer.split(', ')
      const wrong = [
        '',
        item.prompt,
        [...words, words[0]].join(', '),
        [item.args[0], ...words].join(', '),
        words.slice(1).join(', '),
        `${item.answer} ${item.answer}`,
        `It is ${item.answer}`,
        [...LEXICON['held-out']].join(', '),
      ]
      for (const completion of wrong) expect(env.verify(item, completion), completion).toBe(false)
      if (!['copy', 'append', 'prepend'].includes(id))
        expect(env.verify(item, item.args.join(', '))).toBe(id === 'repeat' && words.length === 1)
    }
  })

  test('the answer of another item is hardly ever right', () => {
    const all = items(env, 'held-out', 200)
    const hits = all.filter((item, i) => env.verify(item, all[(i + 1) % all.length].answer)).length
    expect(hits / all.length).toBeLessThan({ count: 0.4 }[id] ?? 0.05)
  })

  test('no constant answer gets half of the questions right', () => {
    const all = items(env, 'held-out', 300)
    const counts = Map.groupBy(all, ({ answer }) => answer)
    expect(Math.max(...[...counts.values()].map((same) => same.length)) / all.length).toBeLessThan(
      { count: 0.35 }[id] ?? 0.1,
    )
  })

  test('arguments are of the split, all of them stand in the prompt, and every slot is filled', () => {
    for (const split of SPLITS) {
      const lexicon = new Set(LEXICON[split])
      for (const item of items(env, split, 100)) {
        expect(item.prompt).not.toMatch(/[{}]|undefined/)
        for (const word of item.args) {
          expect(lexicon.has(word)).toBe(true)
          expect(item.prompt).toMatch(new RegExp(`\\b${word}\\b`))
        }
        expect(item.wording).toMatch(new RegExp(`^${id}/${split}/\\d+$`))
      }
    }
  })

  test('has many wordings to learn from and enough to be asked in', () => {
    expect(new Set(env.wordings('train')).size).toBeGreaterThanOrEqual(100)
    expect(new Set(env.wordings('held-out')).size).toBeGreaterThanOrEqual(12)
    for (const split of SPLITS) {
      expect(new Set(env.wordings(split)).size).toBe(env.wordings(split).length)
      for (const wording of env.wordings(split)) expect(wording.match(/\{list\}/g)).toHaveLength(1)
    }
  })
})

test.each(Object.keys(ORACLES))('%s: the answer is what the prompt asks for', (id) => {
  for (const item of SPLITS.flatMap((split) => items(environment(id), split, 100))) {
    expect(item.answer, item.prompt).toBe(ORACLES[id](listOf(item)))
  }
})

describe('families with arguments in the request', () => {
  const drawn = (id: string) => {
    const family = families.find((candidate) => candidate.id === id)
    if (!family) throw new Error(id)
    const source = random(5, id)
    let at = 0
    const below = (n: number) => source.below(n, at++)
    const draw = {
      below,
      chance: (p: number) => source.unit(at++) < p,
      pick: <T>(from: readonly T[]) => from[below(from.length)],
      some: <T>(from: readonly T[], n: number) => {
        const taken = new Set<T>()
        while (taken.size < n) taken.add(from[below(from.length)])
        return [...taken]
      },
    }
    return Array.from({ length: 200 }, () => family.draw(draw, LEXICON.train))
  }

  test('after is the neighbour on the right', () => {
    for (const { list, a, answer } of drawn('after')) expect(`, ${list},`).toContain(`, ${a}, ${answer},`)
  })

  test('append and prepend add one new word', () => {
    for (const { list, a, answer } of drawn('append')) expect(answer).toBe(`${list}, ${a}`)
    for (const { list, a, answer } of drawn('prepend')) expect(answer).toBe(`${a}, ${list}`)
    for (const { list, a } of [...drawn('append'), ...drawn('prepend')]) expect(list.split(', ')).not.toContain(a)
  })

  test('lookup gives the value of its key, and keys differ from values', () => {
    for (const { list, a, answer } of drawn('lookup')) {
      const pairs = list.split(', ').map((pair) => pair.split(' is '))
      expect(Object.fromEntries(pairs)[a ?? '']).toBe(answer)
      expect(new Set(pairs.flat()).size).toBe(2 * pairs.length)
    }
  })

  test('repeat says the word as often as asked', () => {
    for (const { list, n, answer } of drawn('repeat')) {
      expect(answer.split(', ')).toEqual(Array({ two: 2, three: 3, four: 4 }[n ?? '']).fill(list))
    }
  })
})

test('an unknown environment is refused with the known ones', () => {
  expect(() => environment('sing')).toThrow("no environment 'sing'")
})
