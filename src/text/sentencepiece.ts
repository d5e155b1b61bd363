import { HoneError } from '../base/index.ts'
import type { TokenizerConfig } from './config.ts'
import { protobufFields } from './protobuf.ts'
import type { AddedToken, Component, TokenizerJson } from './tokenizer-json.ts'

/** Kinds of pieces (sentencepiece_model.proto, SentencePiece.Type). */
export const PIECE = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

export interface SentencePieceModel {
  pieces: { piece: string; score: number; type: number }[]
  algorithm: 'unigram' | 'bpe'
  byteFallback: boolean
  /** Base64 of the compiled character map, '' for none. */
  charsmap: string
  addDummyPrefix: boolean
  removeExtraWhitespaces: boolean
  bosId: number
  eosId: number
  padId: number
}

/**
 * Reads a SentencePiece `tokenizer.model` (sentencepiece_model.proto: ModelProto with TrainerSpec and NormalizerSpec).
 * @throws HoneError E_TOKENIZER when the bytes are no such message, or the model is of the word or character type.
 */
export function readSentencePiece(bytes: Uint8Array, file: string): SentencePieceModel {
  try {
    return readModel(bytes, file)
  } catch (cause) {
    if (cause instanceof HoneError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new HoneError('E_TOKENIZER', `${file} is not a SentencePiece model: ${why}`, {
      cause,
      help: 'A tokenizer.model of another kind (tiktoken ranks) is not read: use the tokenizer.json of the same model.',
    })
  }
}

function readModel(bytes: Uint8Array, file: string): SentencePieceModel {
  const model: SentencePieceModel = {
    pieces: [],
    algorithm: 'unigram',
    byteFallback: false,
    charsmap: '',
    addDummyPrefix: true,
    removeExtraWhitespaces: true,
    bosId: 1,
    eosId: 2,
    padId: -1,
  }
  for (const { number, value } of protobufFields(bytes)) {
    if (number === 1) model.pieces.push(readPiece(asBytes(value)))
    else if (number === 2) readTrainer(asBytes(value), model, file)
    else if (number === 3) readNormalizer(asBytes(value), model)
  }
  if (model.pieces.length === 0) throw new RangeError('it holds no pieces')
  return model
}

function readPiece(bytes: Uint8Array): SentencePieceModel['pieces'][number] {
  const found = { piece: '', score: 0, type: PIECE.normal as number }
  for (const { number, value } of protobufFields(bytes)) {
    if (number === 1) found.piece = asText(value)
    else if (number === 2) found.score = asNumber(value)
    else if (number === 3) found.type = asNumber(value)
  }
  if (found.piece === '' || !Number.isFinite(found.score)) throw new RangeError('a piece has no text or no score')
  return found
}

function readTrainer(bytes: Uint8Array, model: SentencePieceModel, file: string): void {
  for (const { number, value } of protobufFields(bytes)) {
    if (number === 3) {
      const algorithm = ([undefined, 'unigram', 'bpe'] as const)[asNumber(value)]
      if (!algorithm) {
        throw new HoneError(
          'E_TOKENIZER',
          `${file}: model type ${value} is not supported, only unigram (1) and BPE (2)`,
        )
      }
      model.algorithm = algorithm
    } else if (number === 35) model.byteFallback = asNumber(value) !== 0
    else if (number === 24 && asNumber(value) !== 0) {
      throw new HoneError('E_TOKENIZER', `${file}: white space as a suffix of words is not supported`)
    } else if (number === 41) model.bosId = signed(asNumber(value))
    else if (number === 42) model.eosId = signed(asNumber(value))
    else if (number === 43) model.padId = signed(asNumber(value))
  }
}

function readNormalizer(bytes: Uint8Array, model: SentencePieceModel): void {
  for (const { number, value } of protobufFields(bytes)) {
    if (number === 2) model.charsmap = toBase64(asBytes(value))
    else if (number === 3) model.addDummyPrefix = asNumber(value) !== 0
    else if (number === 4) model.removeExtraWhitespaces = asNumber(value) !== 0
  }
}

/** Negative ids are written as ten-byte varints, which arrive as 2⁶⁴ less a little. */
const signed = (value: number): number => (value >= 2 ** 63 ? -1 : value)

function asBytes(value: number | Uint8Array): Uint8Array {
  if (typeof value !== 'number') return value
  throw new RangeError('a number stands where a message should be')
}

function asNumber(value: number | Uint8Array): number {
  if (typeof value === 'number') return value
  throw new RangeError('a message stands where a number should be')
}

const asText = (value: number | Uint8Array): string =>
  new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(asBytes(value))

function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000))
  return btoa(text)
}

/**
 * The tokenizer.json form of a SentencePiece model. BPE merges are every way to cut a piece into two others, by descending score,
 * as `transformers` converts them. The dummy prefix is put before every stretch between special tokens, unless the configuration
 * says `"legacy": false`, when only the beginning of the text gets it.
 */
export function sentencePieceToJson(model: SentencePieceModel, config: TokenizerConfig = {}): TokenizerJson {
  const special: AddedToken[] = model.pieces.flatMap(({ piece, type }, id) => {
    if (type !== PIECE.control && type !== PIECE.userDefined && type !== PIECE.unknown) return []
    // Symbols with a space in them are sought once spaces are marks; a dummy prefix would be put before them, too.
    const normalized = type === PIECE.userDefined && piece.includes('▁') && !model.addDummyPrefix
    const token = { id, content: piece, single_word: false, lstrip: false, rstrip: false, normalized }
    return [{ ...token, special: type !== PIECE.userDefined }]
  })
  const unknownId = model.pieces.findIndex(({ type }) => type === PIECE.unknown)
  const firstOnly = config.legacy === false && model.addDummyPrefix
  const bos = model.pieces[model.bosId]?.piece
  return {
    version: '1.0',
    added_tokens: special,
    normalizer: sequence('normalizers', [
      ...(model.charsmap ? [{ type: 'Precompiled', precompiled_charsmap: model.charsmap }] : []),
      ...(model.removeExtraWhitespaces ? [remove('\\A +| +\\z', ''), remove(' {2,}', ' ')] : []),
      ...(firstOnly ? [] : [...(model.addDummyPrefix ? [{ type: 'Prepend', prepend: '▁' }] : []), replace(' ', '▁')]),
    ]),
    pre_tokenizer: firstOnly ? { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: false } : null,
    post_processor: bos === undefined || config.add_bos_token === false ? null : beginWith(bos, model.bosId),
    decoder: sequence('decoders', [
      replace('▁', ' '),
      ...(model.byteFallback ? [{ type: 'ByteFallback' }] : []),
      { type: 'Fuse' },
      ...(model.addDummyPrefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
    ]),
    model:
      model.algorithm === 'unigram'
        ? {
            type: 'Unigram',
            unk_id: unknownId < 0 ? null : unknownId,
            vocab: model.pieces.map(({ piece, score }) => [piece, score]),
            byte_fallback: model.byteFallback,
          }
        : {
            type: 'BPE',
            unk_token: model.pieces[unknownId]?.piece ?? null,
            fuse_unk: true,
            byte_fallback: model.byteFallback,
            vocab: Object.fromEntries(model.pieces.map(({ piece }, id) => [piece, id])),
            merges: merges(model.pieces),
          },
  }
}

const replace = (from: string, to: string): Component => ({ type: 'Replace', pattern: { String: from }, content: to })

const remove = (regex: string, content: string): Component => ({ type: 'Replace', pattern: { Regex: regex }, content })

function sequence(key: 'normalizers' | 'decoders', steps: Component[]): Component | null {
  return steps.length === 0 ? null : { type: 'Sequence', [key]: steps }
}

function beginWith(token: string, id: number): Component {
  const single = [{ SpecialToken: { id: token, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }]
  const pair = [...single, { SpecialToken: { id: token, type_id: 1 } }, { Sequence: { id: 'B', type_id: 1 } }]
  return {
    type: 'TemplateProcessing',
    single,
    pair,
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  }
}

function merges(pieces: SentencePieceModel['pieces']): [string, string][] {
  const joins = (type: number): boolean => type === PIECE.normal || type === PIECE.unused
  const ids = new Map(pieces.flatMap(({ piece, type }, id) => (joins(type) ? [[piece, id] as const] : [])))
  const found: { left: string; right: string; score: number; lengths: [number, number] }[] = []
  for (const { piece, score, type } of pieces) {
    if (!joins(type)) continue
    const chars = Array.from(piece)
    const cuts = chars.slice(1).map((_, i): [string, string, number] => {
      const left = chars.slice(0, i + 1).join('')
      return [left, piece.slice(left.length), i + 1]
    })
    const known = cuts.filter(([left, right]) => ids.has(left) && ids.has(right))
    known.sort(
      (a, b) =>
        (ids.get(a[0]) as number) - (ids.get(b[0]) as number) || (ids.get(a[1]) as number) - (ids.get(b[1]) as number),
    )
    for (const [left, right, n] of known) found.push({ left, right, score, lengths: [n, chars.length - n] })
  }
  found.sort((a, b) => b.score - a.score || b.lengths[0] - a.lengths[0] || b.lengths[1] - a.lengths[1])
  return found.map(({ left, right }) => [left, right])
}
