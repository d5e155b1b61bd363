import { HoneError } from '../base/index.ts'

/** A part of a tokenizer.json: a normalizer, pre-tokenizer, post-processor or decoder, told apart by `type`. */
export interface Component {
  type: string
  [key: string]: unknown
}

export interface AddedToken {
  id: number
  content: string
  single_word: boolean
  lstrip: boolean
  rstrip: boolean
  normalized: boolean
  special: boolean
}

export interface BpeSpec {
  type: 'BPE'
  vocab: Record<string, number>
  merges: ([string, string] | string)[]
  unk_token?: string | null
  fuse_unk?: boolean
  byte_fallback?: boolean
  ignore_merges?: boolean
  continuing_subword_prefix?: string | null
  end_of_word_suffix?: string | null
}

export interface UnigramSpec {
  type: 'Unigram'
  /** Piece and log-probability; the id is the place in the list. */
  vocab: [string, number][]
  unk_id?: number | null
  byte_fallback?: boolean
}

export interface WordPieceSpec {
  type: 'WordPiece'
  vocab: Record<string, number>
  unk_token: string
  continuing_subword_prefix?: string
  max_input_chars_per_word?: number
}

export type ModelSpec = BpeSpec | UnigramSpec | WordPieceSpec

/** The serialised form of the Hugging Face `tokenizers` library. */
export interface TokenizerJson {
  version: string
  added_tokens: AddedToken[]
  normalizer: Component | null
  pre_tokenizer: Component | null
  post_processor: Component | null
  decoder: Component | null
  model: ModelSpec
}

/** Ids above this are taken for damage: tables are as long as the largest id. */
const MAX_ID = 1 << 24
/** Ranks and positions share one float64 heap key. */
const MAX_MERGES = 1 << 21

/**
 * Checks the parts of a parsed tokenizer.json that the code below relies on, and fills in what old files leave out.
 * @throws HoneError E_TOKENIZER naming `file` and the field.
 */
export function checkTokenizerJson(value: unknown, file: string): TokenizerJson {
  const root = record(value, file, 'the file')
  const model = checkModel(record(root.model, file, 'model'), file)
  const added = root.added_tokens ?? []
  if (!Array.isArray(added)) throw bad(file, 'added_tokens', 'a list')
  return {
    version: '1.0',
    added_tokens: added.map((token, i) => checkAdded(token, file, `added_tokens[${i}]`)),
    normalizer: component(root.normalizer, file, 'normalizer'),
    pre_tokenizer: component(root.pre_tokenizer, file, 'pre_tokenizer'),
    post_processor: component(root.post_processor, file, 'post_processor'),
    decoder: component(root.decoder, file, 'decoder'),
    model,
  }
}

export function checkAdded(value: unknown, file: string, at: string): AddedToken {
  const token = record(value, file, at)
  if (typeof token.content !== 'string' || token.content === '') throw bad(file, `${at}.content`, 'a text')
  const special = token.special === true
  return {
    id: checkId(token.id, file, `${at}.id`),
    content: token.content,
    single_word: token.single_word === true,
    lstrip: token.lstrip === true,
    rstrip: token.rstrip === true,
    normalized: typeof token.normalized === 'boolean' ? token.normalized : !special,
    special,
  }
}

function checkModel(model: Record<string, unknown>, file: string): ModelSpec {
  // Files of 2019–2021 have no type: a list is Unigram's, merges are BPE's.
  const type = model.type ?? (Array.isArray(model.vocab) ? 'Unigram' : model.merges ? 'BPE' : 'WordPiece')
  if (type === 'Unigram') {
    if (!Array.isArray(model.vocab)) throw bad(file, 'model.vocab', 'a list of [piece, score]')
    model.vocab.forEach((entry, i) => {
      const fits = Array.isArray(entry) && typeof entry[0] === 'string' && Number.isFinite(entry[1])
      if (!fits) throw bad(file, `model.vocab[${i}]`, '[piece, score]')
    })
    if (model.unk_id != null) {
      const unk = checkId(model.unk_id, file, 'model.unk_id')
      if (unk >= model.vocab.length)
        throw bad(file, 'model.unk_id', `below ${model.vocab.length}, the number of pieces`)
    }
    return { ...model, type } as unknown as UnigramSpec
  }
  if (type !== 'BPE' && type !== 'WordPiece') throw bad(file, 'model.type', 'BPE, Unigram or WordPiece', type)
  const vocab = record(model.vocab, file, 'model.vocab')
  for (const token in vocab) checkId(vocab[token], file, `model.vocab[${JSON.stringify(token)}]`)
  if (type === 'WordPiece') {
    if (typeof model.unk_token !== 'string') throw bad(file, 'model.unk_token', 'a text')
    return { ...model, type } as unknown as WordPieceSpec
  }
  if (!Array.isArray(model.merges)) throw bad(file, 'model.merges', 'a list')
  if (model.merges.length > MAX_MERGES) throw bad(file, 'model.merges', `at most ${MAX_MERGES} entries`)
  if (model.dropout != null && model.dropout !== 0) {
    throw bad(file, 'model.dropout', 'null: ids that change from call to call are not supported', model.dropout)
  }
  return { ...model, type } as unknown as BpeSpec
}

function checkId(value: unknown, file: string, at: string): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) < MAX_ID) return value as number
  throw bad(file, at, `an id from 0 to ${MAX_ID - 1}`, value)
}

function component(value: unknown, file: string, at: string): Component | null {
  if (value == null) return null
  const found = record(value, file, at)
  if (typeof found.type !== 'string') throw bad(file, `${at}.type`, 'a text')
  return found as Component
}

function record(value: unknown, file: string, at: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw bad(file, at, 'an object', value === undefined ? 'nothing' : value)
}

function bad(file: string, at: string, expected: string, got?: unknown): HoneError {
  const shown = got === undefined ? '' : `, got ${got === 'nothing' ? got : JSON.stringify(got)?.slice(0, 60)}`
  return new HoneError('E_TOKENIZER', `${file}: ${at} should be ${expected}${shown}`, {
    help: 'The file is damaged or not a tokenizer: fetch it again from where the model came from.',
  })
}
