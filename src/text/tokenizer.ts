import { HoneError, platform } from '../base/index.ts'
import { addedTokenSplitter } from './added.ts'
import { bpe, type EncodeWord } from './bpe.ts'
import { toByteLevel } from './byte-level.ts'
import { configuredTokens, type TokenizerConfig } from './config.ts'
import { decoder, type Stage, tidyStage } from './decode.ts'
import { type Normalize, normalizer, type Place } from './normalize.ts'
import { preTokenizer } from './split.ts'
import { type AddedToken, checkTokenizerJson, type TokenizerJson } from './tokenizer-json.ts'
import type { Tokenizer } from './types.ts'
import { unigram } from './unigram.ts'
import { wordPiece } from './wordpiece.ts'

/** Words longer than this are encoded anew each time; the cache is emptied when it holds `CACHE_SIZE`. */
const CACHED_LENGTH = 64
const CACHE_SIZE = 50_000

export interface TokenizerSource {
  /** Name for errors; `tokenizer.json` if not given. */
  file?: string
  /** Files to be written beside exported weights; made from `json` and `config` if not given. */
  files?: { name: string; content: string }[]
}

/**
 * A tokenizer from the parsed contents of tokenizer.json and tokenizer_config.json.
 * @throws HoneError E_TOKENIZER when a part is damaged or of a kind that is not known, or a configured token has no id.
 */
export function tokenizerFromJson(
  json: unknown,
  config: TokenizerConfig = {},
  source: TokenizerSource = {},
): Tokenizer {
  const file = source.file ?? 'tokenizer.json'
  const spec = checkTokenizerJson(json, file)
  const tokens = vocabulary(spec)
  const { added, bos, eos, pad, addBos } = configuredTokens(spec, config, tokens, file)
  const special = new Set<number>()
  for (const token of added) {
    tokens.byId[token.id] = token.content
    tokens.ids.set(token.content, token.id)
    if (token.special) special.add(token.id)
  }
  const normalize = normalizer(spec.normalizer, file)
  const spelled = new Map(added.map((token) => [token.id, spelling(token, normalize)]))
  const encodeText = textEncoder(spec, added, special, normalize, file)
  const makeStages = decoder(spec.decoder, file)
  // As the reference: removing spaces before punctuation corrupts what byte-pair tokenizers decode.
  const tidies = config.clean_up_tokenization_spaces === true && spec.model.type !== 'BPE'
  const newStages = (): Stage[] => (tidies ? [...makeStages(), tidyStage()] : makeStages())
  const vocabSize = tokens.byId.length
  let fingerprint: string | undefined

  const spell = (stages: Stage[], id: number, skipSpecial: boolean | undefined): void => {
    const token = spelled.get(id) ?? tokens.byId[id]
    if (token === undefined || (skipSpecial && special.has(id))) return
    stages[0]?.push(token, spelled.has(id))
  }

  return {
    vocabSize,
    bos,
    eos,
    pad,
    addBos,
    get fingerprint() {
      fingerprint ??= fingerprintOf(spec, tokens.byId, added)
      return fingerprint
    },
    encode(text, options = {}) {
      const ids: number[] = []
      encodeText(text, START, options.special ?? true, ids)
      return ids
    },
    encodeParts(parts, options = {}) {
      let seam = START
      return parts.map((part) => {
        const ids: number[] = []
        if (part !== '') seam = encodeText(part, seam, options.special ?? true, ids)
        return ids
      })
    },
    decode(ids, options = {}) {
      const stages = newStages()
      for (let i = 0; i < ids.length; i++) spell(stages, ids[i] as number, options.skipSpecial)
      return drain(stages, true)
    },
    idOf: (token) => tokens.ids.get(token),
    tokenOf(id) {
      const token = tokens.byId[id]
      if (token !== undefined) return token
      if (Number.isInteger(id) && id >= 0 && id < vocabSize) return ''
      throw new HoneError('E_TOKEN_ID', `token id ${id} is outside the vocabulary: ids run from 0 to ${vocabSize - 1}`)
    },
    isSpecial: (id) => special.has(id),
    stream(options = {}) {
      const stages = newStages()
      return {
        push(id) {
          spell(stages, id, options.skipSpecial)
          return drain(stages, false)
        },
        flush: () => drain(stages, true),
      }
    },
    files: () => source.files ?? defaultFiles(spec, config),
  }
}

function drain(stages: Stage[], end: boolean): string {
  let pieces: Iterable<string> = []
  stages.forEach((stage, i) => {
    if (i > 0) for (const piece of pieces) if (piece !== '') stage.push(piece, false)
    pieces = stage.drain(end)
  })
  return Array.from(pieces).join('')
}

export interface Vocabulary {
  /** Sparse where ids are missing. */
  byId: string[]
  ids: Map<string, number>
}

function vocabulary({ model }: TokenizerJson): Vocabulary {
  const pairs: [string, number][] =
    model.type === 'Unigram' ? model.vocab.map(([piece], id) => [piece, id]) : Object.entries(model.vocab)
  const byId: string[] = []
  for (const [token, id] of pairs) byId[id] = token
  return { byId, ids: new Map(pairs) }
}

/** Where a text stands for each of the two that look at it: a normalized added token begins a stretch for the split alone. */
interface Seam {
  normalize: Place
  split: Place
}

/** Appends a text's ids to `out` and says where a text after it stands. */
type EncodeText = (text: string, seam: Seam, withSpecial: boolean, out: number[]) => Seam

function textEncoder(
  spec: TokenizerJson,
  added: AddedToken[],
  special: ReadonlySet<number>,
  normalize: Normalize,
  file: string,
): EncodeText {
  const { split, byteLevel } = spec.pre_tokenizer
    ? preTokenizer(spec.pre_tokenizer, file)
    : { split: whole, byteLevel: false }
  const encodeWord = cached(encoderOf(spec, special, file), byteLevel)
  const cut = spacePrefixed(spec) ? cutBeforeSpaces : undefined
  const raw = addedTokenSplitter(
    added.filter((token) => !token.normalized).map((token) => ({ content: token.content, token })),
  )
  const normalized = addedTokenSplitter(
    added
      .filter((token) => token.normalized)
      .map((token) => ({ content: normalize(token.content, START.normalize), token })),
  )

  return (text, seam, withSpecial, out) => {
    let here = seam
    for (const section of raw(text.toWellFormed(), withSpecial)) {
      if (section.id >= 0) {
        out.push(section.id)
        here = { normalize: AFTER_TOKEN, split: AFTER_TOKEN }
        continue
      }
      for (const piece of normalized(normalize(section.text, here.normalize), withSpecial)) {
        if (piece.id >= 0) out.push(piece.id)
        else {
          for (const word of split(piece.text, here.split)) {
            if (cut) for (const part of cut(word)) encodeWord(part, out)
            else encodeWord(word, out)
          }
        }
        here = { normalize: AFTER_TEXT, split: piece.id >= 0 ? AFTER_TOKEN : AFTER_TEXT }
      }
    }
    return here
  }
}

/** How an added token reads in the text in which it is sought, and into which it decodes. */
function spelling(token: AddedToken, normalize: Normalize): string {
  return token.normalized ? normalize(token.content, START.normalize) : token.content
}

const START: Seam = { normalize: { first: true, fresh: true }, split: { first: true, fresh: true } }
const AFTER_TOKEN: Place = { first: false, fresh: true }
const AFTER_TEXT: Place = { first: false, fresh: false }
const whole = (text: string): string[] => [text]

function encoderOf(spec: TokenizerJson, special: ReadonlySet<number>, file: string): EncodeWord {
  if (spec.model.type === 'BPE') return bpe(spec.model, file)
  return spec.model.type === 'Unigram' ? unigram(spec.model, special) : wordPiece(spec.model)
}

function cached(encode: EncodeWord, byteLevel: boolean): EncodeWord {
  const cache = new Map<string, number[]>()
  return (word, out) => {
    if (word.length > CACHED_LENGTH) {
      encode(byteLevel ? toByteLevel(word) : word, out)
      return
    }
    let ids = cache.get(word)
    if (!ids) {
      ids = []
      encode(byteLevel ? toByteLevel(word) : word, ids)
      if (cache.size >= CACHE_SIZE) cache.clear()
      // A copy of the characters: a slice would keep the whole text alive.
      cache.set(byteLevel ? word : ` ${word}`.slice(1), ids)
    }
    for (let i = 0; i < ids.length; i++) out.push(ids[i] as number)
  }
}

/**
 * SentencePiece vocabularies without a pre-tokenizer take the whole text as one word. Where no token has ▁ after another character
 * nothing ever joins across such a place, and the text can be cut there: same ids, but words that repeat.
 */
function spacePrefixed({ model, pre_tokenizer: split }: TokenizerJson): boolean {
  const byteLevel = JSON.stringify(split)?.includes('ByteLevel') ?? false
  if (model.type === 'WordPiece' || byteLevel) return false
  if (model.type === 'BPE' && (model.continuing_subword_prefix || model.end_of_word_suffix)) return false
  const tokens = model.type === 'BPE' ? Object.keys(model.vocab) : model.vocab.map(([piece]) => piece)
  return tokens.includes('▁') && !tokens.some((token) => /[^▁]▁/.test(token))
}

function cutBeforeSpaces(text: string): string[] {
  const words: string[] = []
  let start = 0
  for (let at = text.indexOf('▁', 1); at > 0; at = text.indexOf('▁', at + 1)) {
    if (text[at - 1] === '▁') continue
    words.push(text.slice(start, at))
    start = at
  }
  words.push(text.slice(start))
  return words
}

/** What determines the ids: the model's vocabulary and merges, added tokens, normalizer and pre-tokenizer, in one fixed spelling. */
function fingerprintOf(spec: TokenizerJson, byId: string[], added: AddedToken[]): string {
  const hash = platform().sha256()
  const { vocab: _vocab, ...model } = spec.model as unknown as Record<string, unknown>
  const scores = spec.model.type === 'Unigram' ? spec.model.vocab.map(([, score]) => score) : null
  const merges = (model.merges as (string | string[])[] | undefined)?.map((merge) =>
    typeof merge === 'string' ? merge : merge.join(' '),
  )
  const sorted = (record: Record<string, unknown>): unknown =>
    Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))
  hash.update(
    JSON.stringify([Array.from(byId, (token) => token ?? null), scores, sorted({ ...model, merges: merges ?? null })]),
  )
  hash.update(JSON.stringify([added, spec.normalizer, spec.pre_tokenizer]))
  return hash.digest()
}

function defaultFiles(spec: TokenizerJson, config: TokenizerConfig): { name: string; content: string }[] {
  return [
    { name: 'tokenizer.json', content: `${JSON.stringify(spec)}\n` },
    { name: 'tokenizer_config.json', content: `${JSON.stringify(config, null, 2)}\n` },
  ]
}
