import { HoneError } from '../base/index.ts'
import type { TokenizerConfig } from './config.ts'
import { compileJinja, type Render } from './jinja.ts'
import { type FoundTokenizer, findTokenizer, readTokenizerConfig, readTokenizerFile, templateTokens } from './load.ts'
import { spansOf } from './spans.ts'
import type { ChatTemplate, Message, RenderOptions } from './types.ts'

/**
 * ChatML as first published: `<|im_start|>role`, a line break, the content, `<|im_end|>`, a line break. For models that bring no
 * template of their own, where it is asked for by name.
 */
export const CHATML_TEMPLATE = `{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- endif %}
`

export interface ChatTemplateOptions {
  /** Texts of the special tokens, as the template reads them: `bos_token`, `eos_token`, … */
  tokens?: Record<string, string>
  /** Tokens at which generation stops; a turn is learnt from up to the last of them. Those in `tokens` if not given. */
  stopTokens?: string[]
  /** Named variants: `tool_use` takes the place of the template where tools are given. */
  named?: Record<string, string>
}

/**
 * A chat template from its Jinja source.
 * @throws HoneError E_TEMPLATE when the source does not parse.
 */
export function chatTemplate(source: string, options: ChatTemplateOptions = {}): ChatTemplate {
  const tokens = options.tokens ?? {}
  const stops = options.stopTokens ?? Object.values(tokens)
  const compiled = new Map<string, Render>()
  const compile = (text: string): Render => {
    const known = compiled.get(text) ?? compileJinja(text)
    compiled.set(text, known)
    return known
  }
  compile(source)
  const sourceFor = (settings: RenderOptions): string => (settings.tools && options.named?.tool_use) || source
  const renderSource = (text: string, messages: Message[], settings: RenderOptions): string =>
    compile(text)({
      ...tokens,
      tools: settings.tools ?? null,
      documents: null,
      add_generation_prompt: settings.addGenerationPrompt ?? false,
      ...settings.variables,
      messages: messages.map(({ train: _train, ...message }) => message),
    })
  return {
    source,
    render: (messages, settings = {}) => renderSource(sourceFor(settings), messages, settings),
    spans(messages, settings = {}) {
      const text = sourceFor(settings)
      return spansOf(messages, settings, text, stops, (template, part, partSettings) =>
        renderSource(template, part, partSettings),
      )
    },
  }
}

/**
 * The chat template of a Hugging Face folder: `chat_template.jinja`, else `chat_template` of tokenizer_config.json, one text or a
 * list of named ones; null where there is none.
 * @throws HoneError E_TEMPLATE when it does not parse or a list has no `default`, E_TOKENIZER when a file is damaged.
 */
export async function loadChatTemplate(folder: string): Promise<ChatTemplate | null> {
  const config = await readTokenizerConfig(folder)
  const named = namedTemplates(config.chat_template)
  const source = (await readTokenizerFile(folder, 'chat_template.jinja')) ?? named?.default
  if (source === undefined) {
    if (!named || Object.keys(named).length === 0) return null
    const found = Object.keys(named).join(', ')
    throw new HoneError('E_TEMPLATE', `tokenizer_config.json in ${folder} has chat templates ${found}, none named default`)
  }
  const tokenizer = await findTokenizer(folder)
  const tokens = templateTokens(tokenizer?.config ?? config)
  return chatTemplate(source, { tokens, stopTokens: [...Object.values(tokens), ...specialTexts(tokenizer, config)], named })
}

function namedTemplates(value: TokenizerConfig['chat_template']): Record<string, string> | undefined {
  if (typeof value === 'string') return { default: value }
  if (!Array.isArray(value)) return undefined
  return Object.fromEntries(value.map(({ name, template }) => [name, template]))
}

/** Texts of the tokens that either file marks as special. */
function specialTexts(tokenizer: FoundTokenizer | null, config: TokenizerConfig): string[] {
  const listed = (tokenizer?.json as { added_tokens?: unknown } | undefined)?.added_tokens
  const entries = [...(Array.isArray(listed) ? listed : []), ...Object.values(config.added_tokens_decoder ?? {})]
  return entries.flatMap((token) => (token?.special === true && typeof token.content === 'string' ? [token.content] : []))
}
