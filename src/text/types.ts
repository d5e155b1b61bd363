/** A tokenizer with everything that the rooms above need of it. Ids run from 0 to vocabSize − 1, added tokens included. */
export interface Tokenizer {
  readonly vocabSize: number
  readonly bos: number | null
  readonly eos: number | null
  readonly pad: number | null
  /** Whether plain text (not a chat, whose template writes its own) begins with `bos` when it stands for a document. */
  readonly addBos: boolean
  /** SHA-256 of what determines the ids: part of cache keys, and how two models' tokenizers are compared. */
  readonly fingerprint: string
  /**
   * Ids of a text. Special tokens written out in the text are recognised when `special` is true (default), else they are
   * encoded as the characters they are. Never adds bos or eos.
   */
  encode(text: string, options?: { special?: boolean }): number[]
  /**
   * Ids of a text given in parts, no token crossing from one part into the next. A part continues the one before it: what a
   * tokenizer puts at the start of a text (SentencePiece's dummy space) comes once, so the parts decode to the whole text.
   */
  encodeParts(parts: string[], options?: { special?: boolean }): number[][]
  decode(ids: ArrayLike<number>, options?: { skipSpecial?: boolean }): string
  /** The id of a token's exact text, added and special tokens included. */
  idOf(token: string): number | undefined
  /** The token's text as the vocabulary spells it. */
  tokenOf(id: number): string
  isSpecial(id: number): boolean
  /** Decodes ids one by one; holds back bytes that do not yet form a character. */
  stream(options?: { skipSpecial?: boolean }): TokenStream
  /** The files that make this tokenizer again, for writing beside exported weights. */
  files(): { name: string; content: string }[]
}

export interface TokenStream {
  /** The text that became complete with this id, '' if none. */
  push(id: number): string
  /** What is still held back. */
  flush(): string
}

export interface ToolCall {
  id?: string
  type?: 'function'
  function: { name: string; arguments: unknown }
}

/** One turn of a conversation, in the form that chat templates read. */
export interface Message {
  role: string
  content: string
  name?: string
  tool_calls?: ToolCall[]
  tool_call_id?: string
  /** What an assistant thought before its answer, for templates that render it. */
  reasoning_content?: string
  /** Set to false to keep an assistant turn out of the loss. */
  train?: boolean
}

export interface ChatTemplate {
  /** The Jinja source. */
  readonly source: string
  render(messages: Message[], options?: RenderOptions): string
  /**
   * The rendered conversation cut at the borders of what an assistant wrote: `trained` spans are learnt from.
   * From `{% generation %}` marks where the template has them, else by rendering prefixes.
   * @throws HoneError E_TEMPLATE_MASK when neither is consistent, E_MASK_EMPTY when there is no assistant turn.
   */
  spans(messages: Message[], options?: RenderOptions): { text: string; trained: boolean }[]
}

export interface RenderOptions {
  tools?: unknown[]
  addGenerationPrompt?: boolean
  /** Further variables for the template (enable_thinking, …). */
  variables?: Record<string, unknown>
}
