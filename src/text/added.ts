import type { AddedToken } from './tokenizer-json.ts'

/** A stretch of text: an added token (its id), or what lies between two of them (id −1). */
export interface Section {
  text: string
  id: number
}

interface Node {
  next: Map<number, Node>
  token?: AddedToken
}

const WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u
const isWordAt = (text: string, at: number): boolean => WORD.test(String.fromCodePoint(text.codePointAt(at) ?? 32))

/**
 * Cuts a text at added tokens: leftmost first, the longest at each place. A token may ask to stand alone as a word
 * (`single_word`) and may swallow the white space before (`lstrip`) or after it (`rstrip`).
 */
export function addedTokenSplitter(
  tokens: { content: string; token: AddedToken }[],
): (text: string, withSpecial: boolean) => Section[] {
  const root: Node = { next: new Map() }
  for (const { content, token } of tokens) {
    let node = root
    for (let i = 0; i < content.length; i++) {
      const code = content.charCodeAt(i)
      const next = node.next.get(code) ?? { next: new Map() }
      node.next.set(code, next)
      node = next
    }
    if (content !== '') node.token ??= token
  }
  if (root.next.size === 0) return (text) => (text === '' ? [] : [{ text, id: -1 }])
  const starts = new Set(root.next.keys())

  return (text, withSpecial) => {
    const sections: Section[] = []
    let done = 0
    for (let at = 0; at < text.length; ) {
      if (!starts.has(text.charCodeAt(at))) {
        at++
        continue
      }
      let token: AddedToken | undefined
      let end = at
      let node: Node | undefined = root
      for (let i = at; i < text.length; i++) {
        node = node.next.get(text.charCodeAt(i))
        if (!node) break
        if (node.token) {
          token = node.token
          end = i + 1
        }
      }
      if (!token) {
        at++
        continue
      }
      const blocked =
        (token.special && !withSpecial) ||
        (token.single_word && ((at > 0 && isWordBefore(text, at)) || (end < text.length && isWordAt(text, end))))
      if (!blocked) {
        let from = at
        let to = end
        if (token.lstrip) while (from > done && isSpace(text, from - 1)) from--
        if (token.rstrip) while (to < text.length && isSpace(text, to)) to++
        if (from > done) sections.push({ text: text.slice(done, from), id: -1 })
        sections.push({ text: text.slice(from, to), id: token.id })
        done = to
        end = to
      }
      at = end
    }
    if (done < text.length) sections.push({ text: text.slice(done), id: -1 })
    return sections
  }
}

const isSpace = (text: string, at: number): boolean => /\p{White_Space}/u.test(text.charAt(at))

function isWordBefore(text: string, at: number): boolean {
  const low = text.charCodeAt(at - 1)
  return isWordAt(text, low >= 0xdc00 && low <= 0xdfff && at > 1 ? at - 2 : at - 1)
}
