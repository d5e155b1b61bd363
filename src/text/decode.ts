import { HoneError } from '../base/index.ts'
import { byteRuns, utf8Bytes } from './decode-bytes.ts'
import { compileReplace } from './pattern.ts'
import type { Component } from './tokenizer-json.ts'

/**
 * One step from tokens to text. Pieces go in with `push`; `drain` gives those that can no longer change, and with `end` all that
 * is left. Decoding a list and decoding a stream run the same steps, so they agree.
 */
export interface Stage {
  /** `added` marks the content of an added token, which stands for itself. */
  push(piece: string, added: boolean): void
  drain(end: boolean): Iterable<string>
}

/**
 * Compiles a tokenizer.json decoder; the result makes a new row of stages for each text.
 * @throws HoneError E_TOKENIZER for a type that is not known.
 */
export function decoder(spec: Component | null, file: string): () => Stage[] {
  const steps = flatten(spec ?? { type: 'JoinedBySpaces' })
  const makers = steps.map((step, i) => {
    const make = Object.hasOwn(stages, step.type) ? stages[step.type] : undefined
    if (!make) throw new HoneError('E_TOKENIZER', `${file}: the decoder ${step.type} is not supported`)
    const fused = steps.slice(0, i).some(({ type }) => type === 'Fuse')
    return make(step, fused, file)
  })
  return () => makers.map((make) => make())
}

const flatten = (spec: Component): Component[] =>
  spec.type === 'Sequence' ? ((spec.decoders ?? []) as Component[]).flatMap(flatten) : [spec]

const stages: Record<string, (spec: Component, fused: boolean, file: string) => () => Stage> = {
  ByteLevel: () => utf8Bytes,
  ByteFallback: () => byteRuns,
  /** Pieces become one text: only what follows can tell, and is compiled for it. */
  Fuse: () => () => each((piece) => piece),
  Replace: ({ pattern, content }, _fused, file) => {
    const replace = compileReplace(pattern, content, file)
    return () => each(replace)
  },
  Strip: ({ content, start, stop }, fused) => {
    const char = String(content ?? ' ')
    const [left, right] = [Number(start ?? 0), Number(stop ?? 0)]
    return fused ? () => stripWhole(char, left, right) : () => each((piece) => strip(piece, char, left, right))
  },
  Metaspace: ({ replacement, prepend_scheme: scheme, add_prefix_space: legacy }) => {
    const mark = String(replacement ?? '▁')
    const prepended = scheme === undefined ? legacy !== false : scheme !== 'never'
    // The reference drops every mark of the first piece, not the first alone.
    return () => each((piece, i) => piece.replaceAll(mark, i === 0 && prepended ? '' : ' '))
  },
  WordPiece: ({ prefix, cleanup }) => {
    const mark = String(prefix ?? '##')
    return () =>
      each((piece, i) => {
        const joined = i === 0 ? piece : piece.startsWith(mark) ? piece.slice(mark.length) : ` ${piece}`
        return cleanup === false ? joined : tidy(joined).replaceAll(' do not', " don't")
      })
  },
  BPEDecoder: ({ suffix }) => {
    const mark = String(suffix ?? '</w>')
    return () => withLast((piece, last) => piece.replaceAll(mark, last ? '' : ' '))
  },
  JoinedBySpaces: () => () => each((piece, i) => (i === 0 ? piece : ` ${piece}`)),
}

function each(change: (piece: string, index: number) => string): Stage {
  let index = 0
  let waiting: string[] = []
  return {
    push: (piece) => {
      waiting.push(change(piece, index++))
    },
    drain: () => {
      const ready = waiting
      waiting = []
      return ready
    },
  }
}

/** Holds one piece back, since the last one is changed otherwise. */
function withLast(change: (piece: string, last: boolean) => string): Stage {
  let waiting: string[] = []
  return {
    push: (piece) => {
      waiting.push(piece)
    },
    drain: (end) => {
      const kept = end ? [] : waiting.splice(-1)
      const ready = waiting.map((piece, i) => change(piece, end && i === waiting.length - 1))
      waiting = kept
      return ready
    },
  }
}

function strip(piece: string, char: string, left: number, right: number): string {
  let start = 0
  while (start < left && piece.startsWith(char, start * char.length)) start++
  let stop = 0
  let rest = piece.slice(start * char.length)
  while (stop < right && rest.endsWith(char)) {
    rest = rest.slice(0, rest.length - char.length)
    stop++
  }
  return rest
}

/** `strip` of the whole text, piece after piece. */
function stripWhole(char: string, left: number, right: number): Stage {
  let stripped = 0
  let text = ''
  return {
    push: (piece) => {
      text += piece
      while (stripped < left && text !== '') {
        if (text.startsWith(char)) text = text.slice(char.length)
        else stripped = left
        if (stripped < left) stripped++
      }
    },
    drain: (end) => {
      let keep = 0
      const trailing = (): boolean => text.slice(0, text.length - keep * char.length).endsWith(char)
      while (keep < right && trailing()) keep++
      const cut = text.length - keep * char.length
      const ready = text.slice(0, cut)
      text = end ? '' : text.slice(cut)
      return [ready]
    },
  }
}

/** Takes out the spaces that word-based tokenizers leave before punctuation and English contractions. */
export function tidy(text: string): string {
  return TIDIED.reduce((current, pattern) => current.replaceAll(pattern, pattern.trim()), text)
}
const TIDIED = [' .', ' ?', ' !', ' ,', " ' ", " n't", " 'm", " 's", " 've", " 're"]

/**
 * `tidy` of a stream. Text is final up to a space that no pattern reaches across: what stands before it is neither a space nor a
 * lone apostrophe, what follows is neither a space nor an apostrophe.
 */
export function tidyStage(): Stage {
  let text = ''
  return {
    push: (piece) => {
      text += piece
    },
    drain: (end) => {
      let cut = end ? text.length : 0
      for (let i = text.length - 2; cut === 0 && i > 0; i--) {
        if (text[i] !== ' ' || text[i - 1] === ' ' || (text[i - 1] === "'" && (i === 1 || text[i - 2] === ' ')))
          continue
        if (text[i + 1] !== ' ' && text[i + 1] !== "'") cut = i
      }
      const ready = tidy(text.slice(0, cut))
      text = text.slice(cut)
      return [ready]
    },
  }
}
