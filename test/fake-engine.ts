import type { TokenTree } from '../src/batch/index.ts'
import type { Engine, OpenModel } from '../src/engine/index.ts'
import type { Completion } from '../src/generate/index.ts'
import type { ChatTemplate, Tokenizer } from '../src/text/index.ts'

/** A log-prob that depends on the token and on every token before it on its path, as a model's does. */
export function fakeLogprob(path: readonly number[], token: number): number {
  let hash = 17
  for (const id of [...path, token]) hash = (hash * 31 + id) % 1009
  return Math.fround(-(hash + 1) / 128)
}

/** The tokens before each target on its path. */
function pathsOf(tree: TokenTree): number[][] {
  const segmentOf = new Int32Array(tree.tokens.length)
  for (let s = 0; s < tree.parents.length; s++) segmentOf.fill(s, tree.starts[s], tree.starts[s + 1])
  const upTo = (end: number, segment: number): number[] => {
    const parent = tree.parents[segment]
    const before = parent < 0 ? [] : upTo(tree.starts[parent + 1], parent)
    return [...before, ...tree.tokens.subarray(tree.starts[segment], end)]
  }
  return Array.from(tree.targets, (target) => upTo(target, segmentOf[target]))
}

export interface FakeOptions {
  tokenizer: Tokenizer
  template?: ChatTemplate | null
  contextLength?: number
  logprob?: typeof fakeLogprob
  /** The answer to a prompt's text. */
  answer?: (prompt: string) => string
}

/** An open model without weights: log-probs from a hash, answers from a function. It counts its calls of `forward`. */
export function fakeModel(
  options: FakeOptions,
): Pick<OpenModel, 'engine' | 'tokenizer' | 'template'> & { calls: number[] } {
  const { tokenizer, template = null, contextLength = 256, logprob = fakeLogprob, answer = () => '' } = options
  const calls: number[] = []
  const engine = {
    config: { vocabSize: tokenizer.vocabSize, contextLength },
    async forward(tree: TokenTree) {
      calls.push(tree.tokens.length)
      const paths = pathsOf(tree)
      return { logprobs: Float32Array.from(tree.targets, (target, i) => logprob(paths[i], tree.tokens[target])) }
    },
    async *sample(
      prompts: { tokens: ArrayLike<number> }[],
      { stop = [] as string[] },
    ): AsyncGenerator<Partial<Completion>> {
      // Out of order, as an engine that refills its batch gives them.
      for (const [prompt, { tokens }] of [...prompts.entries()].reverse()) {
        const whole = answer(tokenizer.decode(tokens))
        const ends = stop.map((text) => whole.indexOf(text)).filter((at) => at >= 0)
        yield { prompt, sample: 0, text: ends.length > 0 ? whole.slice(0, Math.min(...ends)) : whole }
      }
    },
  }
  return { engine: engine as unknown as Engine, tokenizer, template, calls }
}
