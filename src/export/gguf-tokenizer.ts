import { HoneError } from '../base/index.ts'
import type { GgufScalarType, GgufValue } from '../formats/index.ts'
import type { ModelConfig } from '../models/index.ts'
import type { Tokenizer, TokenizerConfig, TokenizerJson } from '../text/index.ts'
import { bool, text, u32 } from './gguf-architecture.ts'

/** Kinds of tokens (llama.h, llama_token_type). */
const kinds = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 }

type Step = NonNullable<TokenizerJson['normalizer']>

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
const WORDS = '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+'
const REST = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
const UPPER = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]'
const LOWER = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]'
const CASED = (end: string) =>
  `[^\\r\\n\\p{L}\\p{N}]?${UPPER}*${LOWER}+${end}|[^\\r\\n\\p{L}\\p{N}]?${UPPER}+${LOWER}*${end}`
const CASED_REST = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'

/** `tokenizer.ggml.pre` by how a byte-level tokenizer cuts text into words: patterns of the tokenizer.json, in order. */
const preTokenizers: Record<string, string> = {
  'gpt-2 words': 'gpt-2',
  'digits, gpt-2 words': 'smollm',
  [`${CONTRACTIONS}|${WORDS}|\\p{N}|${REST}`]: 'qwen2',
  [`${CONTRACTIONS}|${WORDS}|\\p{N}{1,3}|${REST}`]: 'llama-bpe',
  [`${CASED('')}|\\p{N}|${CASED_REST}`]: 'tekken',
  [`${CASED(`${CONTRACTIONS}?`)}|\\p{N}{1,3}|${CASED_REST}`]: 'gpt-4o',
}

const refuse = (what: string) =>
  new HoneError('E_EXPORT', `llama.cpp would read this tokenizer otherwise: ${what}`, {
    help: 'Export in the Hugging Face format instead.',
  })

/**
 * The `tokenizer.*` keys: byte-level BPE as model 'gpt2' with its merges, SentencePiece-like BPE as model 'llama' with a
 * score for each token that orders them as the merges do.
 * @throws HoneError E_EXPORT for other kinds of tokenizers, other ways to cut words, or more tokens than the model has
 */
export function tokenizerMetadata(
  config: ModelConfig,
  tokenizer: Tokenizer,
  chatTemplate?: string | null,
): Record<string, GgufValue> {
  const files = new Map(tokenizer.files().map(({ name, content }) => [name, content]))
  const spec: TokenizerJson | null = JSON.parse(files.get('tokenizer.json') ?? 'null')
  const settings: TokenizerConfig = JSON.parse(files.get('tokenizer_config.json') ?? '{}')
  if (!spec) throw refuse('it has no tokenizer.json')
  const { model } = spec
  if (model.type !== 'BPE') throw refuse(`its model is ${model.type}, expected BPE`)
  if (tokenizer.vocabSize > config.vocabSize) {
    throw refuse(`it has ${tokenizer.vocabSize} tokens and the model a vocabulary of ${config.vocabSize}`)
  }
  const merges = model.merges.map((merge) => (typeof merge === 'string' ? merge.split(' ') : merge))
  const byteLevel = steps(spec.pre_tokenizer, 'pretokenizers').some(({ type }) => type === 'ByteLevel')
  if (!byteLevel && !(model.byte_fallback && Object.hasOwn(model.vocab, '<0x0A>'))) {
    throw refuse('its BPE has neither bytes for letters nor tokens for bytes')
  }
  const { tokens, types } = tokenList(config, tokenizer, spec, settings)
  const ids = {
    bos: tokenizer.bos,
    eos: tokenizer.eos ?? config.eosIds[0] ?? null,
    padding: tokenizer.pad,
    unknown: tokenizer.idOf(contentOf(settings.unk_token) ?? model.unk_token ?? '') ?? null,
  }
  // llama.cpp ends a generation at this token too; of several only one can be named.
  const eot = config.eosIds.find((id) => id !== ids.eos)
  const template = chatTemplate === undefined ? templateOf(files, settings) : chatTemplate
  return {
    'tokenizer.ggml.model': text(byteLevel ? 'gpt2' : 'llama'),
    'tokenizer.ggml.pre': text(byteLevel ? preTokenizerId(spec, model.ignore_merges === true) : 'default'),
    'tokenizer.ggml.tokens': list('string', tokens),
    'tokenizer.ggml.token_type': list('i32', types),
    ...(byteLevel
      ? {
          'tokenizer.ggml.merges': list(
            'string',
            merges.map((merge) => merge.join(' ')),
          ),
        }
      : {
          'tokenizer.ggml.scores': list('f32', scores(tokens, types, merges)),
          'tokenizer.ggml.add_space_prefix': bool(prependsSpace(spec)),
        }),
    ...Object.fromEntries(
      Object.entries(ids).flatMap(([role, id]) => (id === null ? [] : [[`tokenizer.ggml.${role}_token_id`, u32(id)]])),
    ),
    ...(eot === undefined ? {} : { 'tokenizer.ggml.eot_token_id': u32(eot) }),
    'tokenizer.ggml.add_bos_token': bool(tokenizer.addBos),
    ...(template ? { 'tokenizer.chat_template': text(template) } : {}),
  }
}

const list = (of: GgufScalarType, value: (string | number)[]) => ({ type: 'array', of, value }) as GgufValue

const contentOf = (token: TokenizerConfig['unk_token']) => (typeof token === 'string' ? token : token?.content)

/** A component, or the parts of a sequence of them. */
function steps(component: Step | null | undefined, parts: 'normalizers' | 'pretokenizers'): Step[] {
  if (!component) return []
  if (component.type !== 'Sequence') return [component]
  return (component[parts] as Step[]).flatMap((part) => steps(part, parts))
}

function preTokenizerId(spec: TokenizerJson, ignoreMerges: boolean): string {
  const normalizers = steps(spec.normalizer, 'normalizers').map(({ type }) => type)
  const strange = normalizers.find((type) => type !== 'NFC')
  if (strange) throw refuse(`its normalizer is ${strange}`)
  const cuts = steps(spec.pre_tokenizer, 'pretokenizers').flatMap((step) => {
    if (step.type === 'ByteLevel') return step.use_regex === false ? [] : ['gpt-2 words']
    if (step.type === 'Digits' && step.individual_digits) return ['digits']
    const pattern = (step.pattern as { Regex?: string } | undefined)?.Regex
    if (step.type === 'Split' && step.behavior === 'Isolated' && !step.invert && pattern) return [pattern]
    return [`${step.type}, a kind of its own`]
  })
  const found = preTokenizers[cuts.join(', ')]
  if (!found) throw refuse(`no pre-tokenizer id is known for its way to cut words: ${cuts.join(', ')}`)
  // Of the two ids with this pattern one also takes whole words from the vocabulary before merging.
  return found === 'llama-bpe' && !ignoreMerges ? 'dbrx' : found
}

const looksSpecial = (token: string) =>
  /^<\|.*\|>$/s.test(token) || /^<unused.*>$/s.test(token) || ['<pad>', '<mask>', '<2mass>', '[@BOS@]'].includes(token)

function tokenList(config: ModelConfig, tokenizer: Tokenizer, spec: TokenizerJson, settings: TokenizerConfig) {
  const added = new Set([
    ...(spec.added_tokens ?? []).map(({ id }) => id),
    ...Object.keys(settings.added_tokens_decoder ?? {}).map(Number),
  ])
  const { unk_token: unknown, byte_fallback: bytes } = spec.model as { unk_token?: string; byte_fallback?: boolean }
  const tokens: string[] = []
  const types: number[] = []
  for (let id = 0; id < config.vocabSize; id++) {
    const token = id < tokenizer.vocabSize ? tokenizer.tokenOf(id) : ''
    const plain = added.has(id) && !tokenizer.isSpecial(id) && !looksSpecial(token)
    tokens.push(token === '' ? `[PAD${id}]` : plain ? token.replaceAll('▁', ' ') : token)
    if (token === '') types.push(kinds.unused)
    else if (token === unknown) types.push(kinds.unknown)
    else if (plain) types.push(kinds.userDefined)
    else if (added.has(id) || tokenizer.isSpecial(id)) types.push(kinds.control)
    else if (bytes && /^<0x[0-9A-F]{2}>$/.test(token)) types.push(kinds.byte)
    else types.push(kinds.normal)
  }
  return { tokens, types }
}

/**
 * llama.cpp joins the two neighbours whose joint token has the highest score, so a token's score is minus the rank of the
 * first merge that makes it.
 */
function scores(tokens: string[], types: number[], merges: string[][]): number[] {
  const rank = new Map<string, number>()
  for (const [index, [left, right]] of merges.entries()) {
    if (!rank.has(left + right)) rank.set(left + right, index)
  }
  return tokens.map((token, id) => {
    if (types[id] !== kinds.normal) return types[id] === kinds.byte ? 0 : -1000
    return -(rank.get(token) ?? merges.length)
  })
}

/** Whether a space is put before the text, as SentencePiece's dummy prefix. */
function prependsSpace(spec: TokenizerJson): boolean {
  const normalizers = steps(spec.normalizer, 'normalizers')
  const strange = normalizers.find(({ type }) => type !== 'Prepend' && type !== 'Replace')
  if (strange) throw refuse(`its normalizer is ${strange.type}`)
  const spaces = steps(spec.pre_tokenizer, 'pretokenizers').filter(({ type }) => type === 'Metaspace')
  const first = spaces.some(
    (step) => (step.prepend_scheme ?? (step.add_prefix_space === false ? 'never' : 'always')) !== 'never',
  )
  return first || normalizers.some(({ type }) => type === 'Prepend')
}

function templateOf(files: Map<string, string>, settings: TokenizerConfig): string | null {
  const own = files.get('chat_template.jinja')
  if (own !== undefined) return own
  const configured = settings.chat_template
  if (typeof configured === 'string') return configured
  if (!Array.isArray(configured)) return null
  return configured.find(({ name }) => name === 'default')?.template ?? null
}
