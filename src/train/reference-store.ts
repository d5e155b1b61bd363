import { platform } from '../base/index.ts'

/** Log-probs of rows by what they depend on. */
export type ReferenceStore = Map<string, Float32Array>

/**
 * A store's file: a line of JSON with each row's key and number of values, filled up with spaces to a multiple of four
 * bytes, then the values, f32, little-endian. What is damaged or of another format counts as empty: it can be made again.
 */
export async function readStore(path: string): Promise<ReferenceStore> {
  const store: ReferenceStore = new Map()
  if (!(await platform().stat(path))) return store
  const bytes = await platform().readFile(path)
  const end = bytes.indexOf(10) + 1
  try {
    const { format, rows } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end))) as Header
    const values = new Float32Array(bytes.slice(end).buffer)
    const total = rows.reduce((sum, [, count]) => sum + count, 0)
    if (format !== FORMAT || total !== values.length) return store
    let at = 0
    for (const [key, count] of rows) {
      store.set(key, values.subarray(at, at + count))
      at += count
    }
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError)) throw error
  }
  return store
}

export async function writeStore(path: string, store: ReferenceStore): Promise<void> {
  const header: Header = { format: FORMAT, rows: [...store].map(([key, values]) => [key, values.length]) }
  const text = new TextEncoder().encode(JSON.stringify(header))
  const line = new Uint8Array(Math.ceil((text.length + 1) / 4) * 4).fill(32)
  line.set(text)
  line[line.length - 1] = 10
  const bytesOf = (values: Float32Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  await platform().writeAtomic(path, [line, ...[...store.values()].map(bytesOf)])
}

const FORMAT = 2

interface Header {
  format: number
  rows: [key: string, count: number][]
}
