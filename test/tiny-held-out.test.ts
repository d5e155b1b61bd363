import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { skillPages, wordPool } from '../scripts/tiny/skills.ts'
import { environments, LEXICON, tinyChats, tinyEval, tinyPairs } from '../src/envs/index.ts'
import { sharedFolder } from './shared.ts'

/**
 * What evaluation asks was seen neither in tuning nor in pretraining: everything is generated and compared as text.
 * The demo's rows are seeds 1 to 3; a further seed stands for whatever else a user draws.
 */
const SEEDS = [1, 2, 3, 77]
const held = new Set(LEXICON['held-out'])
const heldWordings = environments.flatMap((env) => env.wordings('held-out'))

const tuning = SEEDS.flatMap((seed) => [
  ...tinyChats(seed, 6000).flatMap(({ messages }) => messages.map(({ content }) => content)),
  ...tinyPairs(seed, 1500).flatMap(({ prompt, chosen, rejected }) =>
    [...prompt, ...chosen, ...rejected].map(({ content }) => content),
  ),
])
const running = `${LEXICON['held-out'].join(' ')} blind kindness river `.repeat(9)
const page = skillPages(1, [...LEXICON.train, ...wordPool([running])])
const skills = Array.from({ length: 8000 }, (_, i) => page(i))
const asked = SEEDS.flatMap((seed) => tinyEval(seed, 100))

const wordsOf = (texts: string[]) => new Set(texts.flatMap((text) => text.toLowerCase().match(/[a-z]+/g) ?? []))

/** The fixed parts of a wording, without what stands in its slots. */
const fragments = (wording: string) =>
  wording
    .split(/\{\w+\}/)
    .map((part) =>
      part
        .toLowerCase()
        .replace(/[^a-z ]/g, ' ')
        .replace(/\s+/g, ' ')
        .trim(),
    )
    .filter((part) => part !== '')

describe('argument words', () => {
  test('are two lexicons without a common member', () => {
    expect(LEXICON.train.filter((word) => held.has(word))).toEqual([])
    expect(new Set(LEXICON.train).size).toBe(LEXICON.train.length)
    expect(held.size).toBe(LEXICON['held-out'].length)
    expect(held.size).toBeGreaterThanOrEqual(80)
  })

  test('that are held out occur in no tuning row', () => {
    expect([...wordsOf(tuning)].filter((word) => held.has(word))).toEqual([])
  })

  test('that are held out occur in no page of skill text', () => {
    expect([...wordsOf(skills)].filter((word) => held.has(word))).toEqual([])
  })

  test('that are held out are the only lexicon words of the questions asked', () => {
    const train = new Set(LEXICON.train)
    const used = wordsOf(asked.map(({ prompt }) => prompt))
    expect([...used].filter((word) => train.has(word))).toEqual([])
    expect([...held].filter((word) => !used.has(word))).toEqual([])
  })
})

describe('wordings', () => {
  test('of the two splits are different texts, also with their slots aside', () => {
    const bare = (wording: string) =>
      wording
        .toLowerCase()
        .replace(/\{\w+\}/g, '*')
        .replace(/[^a-z* ]/g, '')
    const train = new Set(environments.flatMap((env) => env.wordings('train')).map(bare))
    expect(heldWordings.filter((wording) => train.has(bare(wording)))).toEqual([])
  })

  test('that are held out match no tuning prompt and no line of skill text', () => {
    const seen = [...tuning, ...skills.flatMap((text) => text.split('\n'))].map(
      (text) =>
        ` ${text
          .toLowerCase()
          .replace(/[^a-z ]/g, ' ')
          .replace(/\s+/g, ' ')} `,
    )
    const joined = seen.join('\n')
    for (const wording of new Set(heldWordings)) {
      // Cheap first: when the longest fragment never occurs, the wording never does.
      const parts = fragments(wording)
      const longest = parts.reduce((best, part) => (part.length > best.length ? part : best))
      if (!joined.includes(` ${longest} `)) continue
      const matching = seen.filter((text) => parts.every((part) => text.includes(` ${part} `)))
      expect(matching, wording).toEqual([])
    }
  })

  test('are all used by the questions asked', () => {
    const used = new Set(asked.map(({ wording }) => wording))
    expect(used.size).toBeGreaterThan(0.95 * heldWordings.length)
  })
})

test('no question asked is a tuning prompt', () => {
  const seen = new Set(tuning)
  expect(asked.filter(({ prompt }) => seen.has(prompt))).toEqual([])
})

const novels = join(sharedFolder() ?? '', 'data', 'text_novels', 'novels100.jsonl.gz')
test.runIf(sharedFolder() !== null && existsSync(novels))('no list asked about occurs in the novels', () => {
  const text = gunzipSync(readFileSync(novels)).toString('utf8')
  const lists = asked
    .map(({ prompt }) => prompt.match(/[a-z]+(?:, [a-z]+){2,}/)?.[0] ?? '')
    .filter((list) => list !== '')
  expect(lists.length).toBeGreaterThan(3000)
  const inNovels = new Set(text.match(/[a-z]+(?:, [a-z]+){2,}/g))
  expect(lists.filter((list) => inNovels.has(list))).toEqual([])
})
