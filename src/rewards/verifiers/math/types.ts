import type { Token } from './tokens.ts'
import type { Expression } from './tree.ts'

/** What a final answer is, beyond a single expression. */
export type Answer = {
  /** Its pieces as text: what is written alike is alike. */
  raw: string
} & (
  | {
      kind: 'value'
      expression: Expression
      unit: string
      /** A hundredth of a percentage. */
      share?: Expression
    }
  | { kind: 'infinity'; sign: 1 | -1 }
  | { kind: 'based'; digits: string; base: string }
  | { kind: 'tuple'; open: string; close: string; items: readonly Answer[] }
  /** Neither order nor repetition counts. */
  | { kind: 'set'; items: readonly Answer[] }
  /** Order does not count. */
  | { kind: 'list'; items: readonly Answer[] }
  | { kind: 'union'; items: readonly Answer[] }
  /** The first without the second. */
  | { kind: 'difference'; items: readonly Answer[] }
  | { kind: 'ratio'; items: readonly Answer[] }
  | { kind: 'matrix'; rows: readonly (readonly Answer[])[] }
  /** Sides with the signs between them; `names` says which sides only name what the others are. */
  | { kind: 'relation'; signs: readonly string[]; sides: readonly Answer[]; names: readonly boolean[] }
  | { kind: 'text' }
)

/** Reads pieces whole as one kind of answer, or gives null. `read` reads a part as any kind. */
export type Reader = (tokens: readonly Token[], depth: number, read: Read) => Answer | null

export type Read = (tokens: readonly Token[], depth: number) => Answer

/** Brackets within brackets that are read. */
export const MAX_DEPTH = 8
