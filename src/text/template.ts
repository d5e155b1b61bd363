import { HoneError } from '../base/index.ts'
import type { TokenizerConfig } from './config.ts'
import { compileJinja, type JinjaTemplate } from './jinja/compile.ts'
import { type FoundTokenizer, findTokenizer, readTokenizerConfig, readTokenizerFile, templateTokens } from './load.ts'
import { type RenderMarked, spansOf } from './spans.ts'
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

/**
 * The layout of OpenChat (Wang et al. 2023, arXiv:2309.11235): the class of the conversation, `condition`, stands before every
 * speaker, and each turn ends with the model's own end-of-text token. Prompts without a class are those of an expert.
 */
export const OPENCHAT_TEMPLATE = `{%- set class = condition if condition is defined and condition else 'Expert' %}
{%- for message in messages %}
{%- if message.role == 'system' %}
{{- message.content + eos_token }}
{%- else %}
{{- class + (' Assistant: ' if message.role == 'assistant' else ' User: ') + message.content + eos_token }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
{{- class + ' Assistant: ' }}
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
  const main = compileJinja(source)
  let withTools: JinjaTemplate | undefined
  const templateFor = (settings: RenderOptions): JinjaTemplate => {
    if (!settings.tools || options.named?.tool_use === undefined) return main
    withTools ??= compileJinja(options.named.tool_use)
    return withTools
  }
  const render: RenderMarked = (messages, settings, marks) =>
    templateFor(settings).render(
      {
        ...tokens,
        tools: settings.tools ?? null,
        documents: null,
        add_generation_prompt: settings.addGenerationPrompt ?? false,
        ...settings.variables,
        messages: messages.map(seenByTemplate),
      },
      marks,
    )
  return {
    source,
    render: (messages, settings = {}) => render(messages, settings),
    spans: (messages, settings = {}) =>
      spansOf({ messages, options: settings, stops, marked: templateFor(settings).hasGeneration, render }),
  }
}

/** Reasoning goes under `reasoning_content` whatever it was called, as in `transformers`; `train` is not the template's business. */
function seenByTemplate({ train: _train, ...message }: Message): Record<string, unknown> {
  const { reasoning_content, thinking, reasoning } = message as Record<string, unknown>
  const thought = reasoning_content ?? thinking ?? reasoning
  return thought == null ? message : { thinking: thought, ...message, reasoning_content: thought }
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
    throw new HoneError(
      'E_TEMPLATE',
      `tokenizer_config.json in ${folder} has chat templates ${found}, none named default`,
    )
  }
  const tokenizer = await findTokenizer(folder)
  const tokens = templateTokens(tokenizer?.config ?? config)
  return chatTemplate(source, {
    tokens,
    stopTokens: [...Object.values(tokens), ...specialTexts(tokenizer, config)],
    named,
  })
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
  return entries.flatMap((token) =>
    token?.special === true && typeof token.content === 'string' ? [token.content] : [],
  )
}
