import { describe, expect, test } from 'vitest'
import { naturalPassages, passages, tinyCorpus } from '../scripts/tiny/mix.ts'
import { PHRASES } from '../scripts/tiny/phrases.ts'
import { skillPages } from '../scripts/tiny/skills.ts'
import { environments } from '../src/envs/index.ts'

const novel = Array.from(
  { length: 3000 },
  (_, i) => `Paragraph ${i} of a long story, which goes on and on.\nIts second line.`,
).join('\n\n')
const corpus = (seed: number, characters = 400_000) => [
  ...tinyCorpus({ seed, texts: [novel], characters, skillShare: 0.6, echoCharacters: 40_000 }),
]

describe('passages', () => {
  test('hold every word of the text in order and stay small, whatever borders it has', () => {
    const sentence = 'It rained all day. "Who knows?" she said! '
    const texts = [novel, novel.replaceAll('\n\n', '\n'), sentence.repeat(300), 'word '.repeat(3000)]
    for (const text of texts) {
      const cut = passages(text)
      expect(cut.join(' ').split(/\s+/)).toEqual(text.trim().split(/\s+/))
      expect(Math.max(...cut.map((passage) => passage.length))).toBeLessThanOrEqual(900)
    }
    expect(passages(sentence.repeat(300)).every((passage) => /[.!?]"?$/.test(passage))).toBe(true)
    expect(passages('x'.repeat(5000))).toEqual(['x'.repeat(5000)])
  })

  test('one in a hundred is held out, and in no training document', () => {
    const { train, heldOut } = naturalPassages(1, [novel])
    expect(heldOut.length).toBe(Math.ceil((train.length + heldOut.length) / 100))
    const seen = new Set(corpus(1, 2_000_000).map(({ text }) => text))
    expect(train.every((passage) => seen.has(passage))).toBe(true)
    expect(heldOut.filter((passage) => seen.has(passage))).toEqual([])
  })
})

describe('the corpus', () => {
  test('is the same for the same seed, a longer one begins with the shorter', () => {
    const short = corpus(1, 100_000)
    expect(corpus(1).slice(0, short.length)).toEqual(short)
    expect(corpus(2).slice(0, short.length)).not.toEqual(short)
  })

  test('keeps the share of skill text at every point, and stops at the size', () => {
    const given = { echo: 0, skill: 0, natural: 0 }
    for (const { kind, text } of corpus(1)) {
      given[kind] += text.length
      const mixed = given.skill + given.natural
      if (mixed > 50_000) expect(Math.abs(given.skill / mixed - 0.6)).toBeLessThan(0.03)
      if (mixed > 0) expect(Math.abs(given.echo - 40_000 - 0.15 * mixed)).toBeLessThan(1200)
    }
    const all = given.echo + given.skill + given.natural
    expect(all).toBeGreaterThanOrEqual(400_000)
    expect(all).toBeLessThan(402_000)
  })

  test('begins with echoes, each of which says something at least twice', () => {
    const echoes = corpus(1).filter(({ kind }) => kind === 'echo')
    const twice = echoes.filter(({ text }) => text.indexOf(text.slice(0, 8), 1) > 0)
    expect(twice.length).toBeGreaterThan(0.95 * echoes.length)
    expect(
      echoes.some(({ text }) => text.includes('Paragraph')) && echoes.some(({ text }) => !text.includes('Paragraph')),
    ).toBe(true)
  })

  test('repeats no page of skill text', () => {
    const pages = corpus(1, 3_000_000).filter(({ kind }) => kind === 'skill')
    expect(new Set(pages.map(({ text }) => text)).size).toBeGreaterThan(0.999 * pages.length)
  })
})

describe('skill pages', () => {
  const page = skillPages(3)
  const pages = Array.from({ length: 3000 }, (_, i) => page(i))

  test('leave no slot open and hold no chat', () => {
    for (const text of pages) expect(text).not.toMatch(/[{}]|<\||\b(undefined|assistant|sure|please)\b/i)
  })

  test('speak of every environment, in every phrase', () => {
    expect(Object.keys(PHRASES).sort()).toEqual(environments.map(({ id }) => id).sort())
    const all = pages.join('\n')
    for (const phrase of Object.values(PHRASES).flat()) {
      const fixed = phrase.split(/\{\w\}/).reduce((best, part) => (part.length > best.length ? part : best))
      expect(all, phrase).toContain(fixed)
    }
  })

  test('state what is true: backwards is backwards, and what is taken out is gone', () => {
    const lines = pages.join('\n').split('\n')
    const separated = (list: string) => list.split(/, | [-/;] | /)
    let seen = 0
    for (const line of lines) {
      const [, list, noun, answer] = /^words: (.+?) \| (.+?): (.+)$/.exec(line) ?? []
      if (PHRASES.reverse.includes(noun)) {
        expect(separated(answer), line).toEqual(separated(list).reverse())
        seen++
      }
      const gone = /^the list without (\w+)$/.exec(noun ?? '')?.[1]
      if (gone) {
        expect(separated(answer), line).toEqual(separated(list).filter((word) => word !== gone))
        seen++
      }
    }
    expect(seen).toBeGreaterThan(20)
  })
})
