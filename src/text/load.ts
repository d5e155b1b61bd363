import { HoneError, joinPath, platform } from '../base/index.ts'
import { type ConfigToken, type TokenizerConfig, tokenText } from './config.ts'
import { readSentencePiece, sentencePieceToJson } from './sentencepiece.ts'
import { tokenizerFromJson } from './tokenizer.ts'
import type { Tokenizer } from './types.ts'
import { byteLevelJson } from './vocab-merges.ts'

export interface FoundTokenizer {
  /** The file that the vocabulary came from. */
  file: string
  json: unknown
  config: TokenizerConfig
}
const KEPT_FILES = ['special_tokens_map.json', 'chat_template.jinja']
/** A tokenizer file beyond this is not one. */
const MAX_BYTES = 2 ** 28

/**
 * The tokenizer of a Hugging Face folder: `tokenizer.json`, else `vocab.json` with `merges.txt`, else a SentencePiece
 * `tokenizer.model`; roles and settings from `tokenizer_config.json` and `special_tokens_map.json`.
 * @throws HoneError E_TOKENIZER_MISSING naming the folder and the files looked for, E_TOKENIZER when one is damaged.
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const found = await findTokenizer(folder)
  if (!found) {
    throw new HoneError(
      'E_TOKENIZER_MISSING',
      `no tokenizer in ${folder}: looked for tokenizer.json, vocab.json with merges.txt, and tokenizer.model`,
      { help: 'Copy the tokenizer files of the model into its folder.' },
    )
  }
  const { file, json, config } = found
  const original = await readTokenizerFile(folder, 'tokenizer.json')
  const files = [
    { name: 'tokenizer.json', content: original ?? `${JSON.stringify(json)}\n` },
    { name: 'tokenizer_config.json', content: `${JSON.stringify(config, null, 2)}\n` },
  ]
  for (const name of KEPT_FILES) {
    const content = await readTokenizerFile(folder, name)
    if (content !== null) files.push({ name, content })
  }
  return tokenizerFromJson(json, config, { file, files })
}

/** The tokenizer of a folder in its tokenizer.json form with its settings, null if there is none. */
export async function findTokenizer(folder: string): Promise<FoundTokenizer | null> {
  const config = await readTokenizerConfig(folder)
  return (
    (await readTokenizerJson(folder, config)) ??
    (await readVocabMerges(folder, config)) ??
    (await readSentencePieceModel(folder, config))
  )
}

/**
 * tokenizer_config.json, with the roles that only special_tokens_map.json names; empty where there is neither.
 * @throws HoneError E_TOKENIZER when one is not a JSON object.
 */
export async function readTokenizerConfig(folder: string): Promise<TokenizerConfig> {
  const map = await readObject(folder, 'special_tokens_map.json')
  const config = await readObject(folder, 'tokenizer_config.json')
  const named = Object.entries(config ?? {}).filter(([, value]) => value !== null)
  return { ...map, ...Object.fromEntries(named) }
}

async function readTokenizerJson(folder: string, config: TokenizerConfig): Promise<FoundTokenizer | null> {
  const json = await readObject(folder, 'tokenizer.json')
  return json && { file: joinPath(folder, 'tokenizer.json'), json, config }
}

async function readVocabMerges(folder: string, config: TokenizerConfig): Promise<FoundTokenizer | null> {
  const vocab = await readObject(folder, 'vocab.json')
  const merges = await readTokenizerFile(folder, 'merges.txt')
  if (!vocab || merges === null) return null
  const added = await readObject(folder, 'added_tokens.json')
  const file = joinPath(folder, 'vocab.json')
  // GPT-2's own folder has no configuration: its one special token has every role.
  const end = '<|endoftext|>'
  const plain = !config.eos_token && Object.hasOwn(vocab, end)
  const settings = plain ? { bos_token: end, eos_token: end, unk_token: end, ...config } : config
  return { file, json: byteLevelJson(vocab, merges, added ?? {}, settings), config: settings }
}

async function readSentencePieceModel(folder: string, config: TokenizerConfig): Promise<FoundTokenizer | null> {
  const file = joinPath(folder, 'tokenizer.model')
  const info = await platform().stat(file)
  if (info?.kind !== 'file') return null
  checkSize(file, info.size)
  const model = readSentencePiece(await platform().readFile(file), file)
  const pieceOf = (id: number): ConfigToken => model.pieces[id]?.piece ?? null
  const roles = { bos_token: pieceOf(model.bosId), eos_token: pieceOf(model.eosId), pad_token: pieceOf(model.padId) }
  const settings: TokenizerConfig = { ...roles, ...config }
  return { file, json: sentencePieceToJson(model, settings), config: settings }
}

/** The text of a file in the folder, null if it is not there. */
export async function readTokenizerFile(folder: string, name: string): Promise<string | null> {
  const file = joinPath(folder, name)
  const info = await platform().stat(file)
  if (info?.kind !== 'file') return null
  checkSize(file, info.size)
  return platform().readText(file)
}

function checkSize(file: string, size: number): void {
  if (size <= MAX_BYTES) return
  throw new HoneError('E_TOKENIZER', `${file} has ${size} bytes, a tokenizer has at most ${MAX_BYTES}`)
}

async function readObject(folder: string, name: string): Promise<Record<string, unknown> | null> {
  const text = await readTokenizerFile(folder, name)
  if (text === null) return null
  const file = joinPath(folder, name)
  const help = 'The file is damaged: fetch it again from where the model came from.'
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new HoneError('E_TOKENIZER', `${file} is not JSON: ${why}`, { help, cause })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new HoneError('E_TOKENIZER', `${file} should hold a JSON object`, { help })
}

/** Texts of the special tokens by role (`bos_token`, …), as chat templates see them. */
export function templateTokens(config: TokenizerConfig): Record<string, string> {
  const roles = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token']
  return Object.fromEntries(
    roles.flatMap((role) => {
      const text = tokenText(config[role] as ConfigToken | undefined)
      return text === undefined ? [] : [[role, text] as const]
    }),
  )
}
