/** JSON from files that nobody vouches for. */
import { HoneError, platform } from '../base/index.ts'

/** Headers and indices above this size are refused: the reference's limit for a safetensors header. */
export const MAX_HEADER_BYTES = 100_000_000

export function decodeUtf8(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new HoneError('E_CORRUPT', `${where} is not UTF-8 text`, { cause })
  }
}

/** Throws `E_CORRUPT` with the parser's reason; `where` names the file and the part of it. */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new HoneError('E_CORRUPT', `${where} is not valid JSON: ${(cause as Error).message}`, { cause })
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Reads a small JSON file that must hold an object. Throws `E_NOT_FOUND`, `E_TOO_LARGE` or `E_CORRUPT`. */
export async function readJsonObject(path: string): Promise<Record<string, unknown>> {
  const info = await platform().stat(path)
  if (info && info.size > MAX_HEADER_BYTES)
    throw new HoneError('E_TOO_LARGE', `${path} is ${info.size} bytes, expected at most ${MAX_HEADER_BYTES}`)
  const value = parseJson(decodeUtf8(await platform().readFile(path), path), path)
  if (!isRecord(value)) throw new HoneError('E_CORRUPT', `${path} holds ${kindOf(value)}, expected a JSON object`)
  return value
}

export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/** The first key that occurs twice at the top of an object's (valid) JSON text: `JSON.parse` keeps the last and is silent. */
export function duplicateKey(text: string): string | null {
  const seen = new Set<string>()
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '{' || char === '[') depth++
    else if (char === '}' || char === ']') depth--
    else if (char === '"') {
      const start = at
      for (at++; text[at] !== '"'; at++) if (text[at] === '\\') at++
      if (depth !== 1) continue
      let next = at + 1
      while (text[next] === ' ' || text[next] === '\n' || text[next] === '\r' || text[next] === '\t') next++
      if (text[next] !== ':') continue
      const key = JSON.parse(text.slice(start, at + 1)) as string
      if (seen.has(key)) return key
      seen.add(key)
    }
  }
  return null
}
