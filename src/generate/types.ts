/** How tokens are drawn. The order is temperature, top-k, top-p, min-p. */
export interface Sampling {
  /** New tokens at most. */
  maxTokens: number
  /** 0 takes the most probable token. */
  temperature: number
  /** Keep the k most probable tokens; 0 keeps all. */
  topK: number
  /** Keep the smallest set with this much probability. */
  topP: number
  /** Drop tokens less probable than this share of the most probable one's. */
  minP: number
  /** Texts that end a completion; they are cut off its text. */
  stop: string[]
  seed: number
  /** Part of the key of every draw: rounds of one seed draw anew. */
  round: number
  /** Completions a prompt. */
  n: number
  /** Ignore the model's end tokens. */
  ignoreEos: boolean
}

export const samplingDefaults: Sampling = {
  maxTokens: 128,
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  stop: [],
  seed: 0,
  round: 0,
  n: 1,
  ignoreEos: false,
}

/** A prompt as token ids; `id` keys its draws (its place in the list unless given). */
export interface Prompt {
  tokens: ArrayLike<number>
  id?: number
}

export interface Completion {
  /** Place of its prompt in the list, and which of the prompt's n completions it is. */
  prompt: number
  sample: number
  promptTokens: number[]
  /** The tokens drawn, an end token included. */
  tokens: number[]
  /** The model's own log-prob of each (temperature 1, nothing cut off): the floats that training computes. */
  logprobs: number[]
  /** Log-prob of each in the distribution it was drawn from. */
  sampledLogprobs: number[]
  text: string
  /** An end token, a stop text, or no room left. */
  finish: 'eos' | 'stop' | 'length'
  /** Updates that the weights had seen. */
  weightsVersion: number
}

/** More of a completion's text, while it is drawn. */
export interface TextPiece {
  prompt: number
  sample: number
  text: string
}
