import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { onigurumaToRegExp } from './pattern.ts'
import { readSentencePiece, sentencePieceToJson } from './sentencepiece.ts'
import { tokenizerFromJson } from './tokenizer.ts'
import type { TokenizerJson } from './tokenizer-json.ts'

// Recorded by test/parity/record/text_tokenizers.py from the reference libraries.
const read = (name: string) => JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8'))
interface Case {
  ids: number[]
  decoded?: string
  skipped?: string
  plain?: number[]
}
const { texts, recorded } = read('tokenizers') as {
  texts: string[]
  recorded: { name: string; json: TokenizerJson; cases: Case[] }[]
}

test.each(recorded)('$name gives the ids and texts of the reference', ({ json, cases }) => {
  const tokenizer = tokenizerFromJson(json)
  cases.forEach(({ ids, decoded, skipped, plain }, i) => {
    const text = texts[i] as string
    expect(tokenizer.encode(text), text).toEqual(ids)
    expect(tokenizer.decode(ids)).toBe(decoded ?? text)
    expect(tokenizer.decode(ids, { skipSpecial: true })).toBe(skipped ?? decoded ?? text)
    const expected = plain ?? ids
    // The reference lets a Unigram model find special tokens in plain text after all.
    const finds = json.model.type === 'Unigram' && expected.some((id) => tokenizer.isSpecial(id) && id !== 0)
    if (!finds) expect(tokenizer.encode(text, { special: false }), text).toEqual(expected)
  })
})

const { models } = read('sentencepiece') as { models: { name: string; model: string; cases: Case[] }[] }

test.each(models)('SentencePiece $name, from its model file, gives the ids and texts of the reference', (recording) => {
  const json = sentencePieceToJson(readSentencePiece(Buffer.from(recording.model, 'base64'), 'tokenizer.model'))
  const tokenizer = tokenizerFromJson(json)
  recording.cases.forEach(({ ids, decoded }, i) => {
    const text = texts[i] as string
    expect(tokenizer.encode(text, { special: false }), text).toEqual(ids)
    // SentencePiece writes ⁇ for an unknown piece, with spaces around it.
    if (!decoded?.includes('⁇')) expect(tokenizer.decode(ids), text).toBe(decoded)
  })
})

const { patterns, splits } = read('patterns') as {
  patterns: Record<string, string>
  splits: Record<string, string[][]>
}

test.each(Object.keys(patterns))('the pattern %s cuts texts as Oniguruma does', (name) => {
  const pattern = onigurumaToRegExp(patterns[name] as string)
  texts.forEach((text, i) => {
    const found: string[] = []
    let end = 0
    for (const match of text.matchAll(pattern)) {
      if (match[0] === '') continue
      if (match.index > end) found.push(text.slice(end, match.index))
      found.push(match[0])
      end = match.index + match[0].length
    }
    if (end < text.length) found.push(text.slice(end))
    expect(found, text).toEqual(splits[name]?.[i])
  })
})

test('a case-insensitive group does not change what stands outside it', () => {
  // The combining iota is a letter only to a pattern that folds case.
  expect('a\u0345b'.match(onigurumaToRegExp("(?i:'s)|\\p{L}+"))).toEqual(['a', 'b'])
  expect("'ſ'S'K".match(onigurumaToRegExp("(?i:'s|'k)"))).toEqual(["'ſ", "'S", "'K"])
})

test.each(['(a)\\1', '(?m:a)', '[a', 'a)', '(a', '\\p{Nonsense}', '(?i:[a-z])', '[[:nonsense:]]', 'a\\'])(
  'the pattern %s is refused',
  (source) => {
    expect(() => onigurumaToRegExp(source)).toThrow(SyntaxError)
  },
)
