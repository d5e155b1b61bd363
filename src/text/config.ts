import { HoneError } from '../base/index.ts'
import type { Vocabulary } from './tokenizer.ts'
import { type AddedToken, checkAdded, type TokenizerJson } from './tokenizer-json.ts'

/** A token in a configuration file: its text, or an object that also says how it is matched. */
export type ConfigToken = string | { content: string; [key: string]: unknown } | null

/** The fields of tokenizer_config.json that matter here; the others are kept and written back. */
export interface TokenizerConfig {
  tokenizer_class?: string
  bos_token?: ConfigToken
  eos_token?: ConfigToken
  pad_token?: ConfigToken
  unk_token?: ConfigToken
  add_bos_token?: boolean
  clean_up_tokenization_spaces?: boolean
  added_tokens_decoder?: Record<string, unknown>
  additional_special_tokens?: ConfigToken[]
  chat_template?: string | { name: string; template: string }[]
  [key: string]: unknown
}

/** The text of a configured token, undefined where there is none. */
export function tokenText(token: ConfigToken | undefined): string | undefined {
  const text = typeof token === 'object' && token !== null ? token.content : token
  return typeof text === 'string' && text !== '' ? text : undefined
}

/**
 * Brings together the added tokens of both files and the roles that the configuration gives them. Tokens with a role are special
 * even where tokenizer.json has them as plain vocabulary, as GPT-2's has `<|endoftext|>`.
 * @throws HoneError E_TOKENIZER when the beginning or end token has no id.
 */
export function configuredTokens(
  spec: TokenizerJson,
  config: TokenizerConfig,
  vocabulary: Vocabulary,
  file: string,
): { added: AddedToken[]; bos: number | null; eos: number | null; pad: number | null; addBos: boolean } {
  const added = new Map(spec.added_tokens.map((token) => [token.content, token]))
  for (const [id, entry] of Object.entries(config.added_tokens_decoder ?? {})) {
    const at = `added_tokens_decoder[${JSON.stringify(id)}]`
    const token = checkAdded({ ...(entry as object), id: Number(id) }, 'tokenizer_config.json', at)
    if (!added.has(token.content)) added.set(token.content, token)
  }
  const roles = [
    config.bos_token,
    config.eos_token,
    config.pad_token,
    config.unk_token,
    ...listOf(config.additional_special_tokens),
  ]
  for (const role of roles) {
    const content = tokenText(role)
    const known = content === undefined ? undefined : added.get(content)
    const id = content === undefined ? undefined : (known?.id ?? vocabulary.ids.get(content))
    if (content === undefined || id === undefined || known?.special) continue
    const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false }
    added.set(content, { ...plain, ...known, id, content, special: true })
  }
  const idOf = (role: 'bos_token' | 'eos_token' | 'pad_token'): number | null => {
    const content = tokenText(config[role])
    if (content === undefined) return null
    const id = added.get(content)?.id ?? vocabulary.ids.get(content)
    if (id !== undefined) return id
    // Rows are never padded, so a padding token without an id does no harm.
    if (role === 'pad_token') return null
    throw new HoneError(
      'E_TOKENIZER',
      `tokenizer_config.json names ${role} ${JSON.stringify(content)}, which ${file} lacks`,
      {
        help: 'The two files are of different tokenizers: fetch both from the same model.',
      },
    )
  }
  const bos = idOf('bos_token')
  const wantsBos = typeof config.add_bos_token === 'boolean' ? config.add_bos_token : templateBegins(spec, bos)
  return {
    added: [...added.values()],
    bos,
    eos: idOf('eos_token'),
    pad: idOf('pad_token'),
    addBos: wantsBos && bos !== null,
  }
}

const listOf = (value: unknown): ConfigToken[] => (Array.isArray(value) ? value : [])

/** Whether the post-processor puts the beginning token before a single text. */
function templateBegins(spec: TokenizerJson, bos: number | null): boolean {
  const steps = spec.post_processor?.type === 'Sequence' ? spec.post_processor.processors : [spec.post_processor]
  if (bos === null || !Array.isArray(steps)) return false
  return steps.some((step) => {
    if (step?.type !== 'TemplateProcessing') return false
    const first = step.single?.[0]?.SpecialToken?.id
    return typeof first === 'string' && step.special_tokens?.[first]?.ids?.[0] === bos
  })
}
