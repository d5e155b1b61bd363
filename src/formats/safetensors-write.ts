/** Writer of safetensors: tensors are asked for their bytes one at a time and streamed, so memory holds one of them. */
import { HoneError, platform } from '../base/index.ts'
import { DTYPE_BITS, type Dtype, isDtype, tensorBytes } from './dtype.ts'
import { MAX_HEADER_BYTES } from './json.ts'

export type ByteSource = Uint8Array | Promise<Uint8Array> | AsyncIterable<Uint8Array>

export interface TensorToWrite {
  name: string
  dtype: Dtype
  shape: readonly number[]
  /** Called once, when its turn has come; gives exactly the bytes that dtype and shape imply, row-major, little-endian. */
  bytes: () => ByteSource
}

/**
 * Writes one file, all of it or nothing. Tensors are laid out as the reference implementation does, widest dtype first and
 * then by name, so that each starts at a multiple of its element size; the header is padded with spaces to 8 bytes.
 * Throws `E_DUPLICATE` for two tensors of one name and `E_SHAPE` when a tensor gives other than its number of bytes.
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  metadata: Record<string, string> = {},
): Promise<void> {
  const ordered = layout(tensors)
  await platform().writeAtomic(path, chunks(ordered, encodeHeader(path, ordered, metadata)))
}

/** From narrow to wide; among equals the order of the reference's enumeration, whose files then compare equal to ours. */
const rank = new Map(Object.keys(DTYPE_BITS).map((name, index) => [name, index]))

function layout(tensors: readonly TensorToWrite[]): TensorToWrite[] {
  const names = new Set<string>()
  for (const { name, dtype } of tensors) {
    if (names.has(name) || name === '__metadata__')
      throw new HoneError('E_DUPLICATE', `the tensor name '${name}' is already taken`)
    if (!isDtype(dtype)) throw new HoneError('E_DTYPE', `tensor '${name}' has the unknown dtype ${dtype}`)
    names.add(name)
  }
  return tensors.toSorted(
    (a, b) => rank.get(b.dtype)! - rank.get(a.dtype)! || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  )
}

function encodeHeader(path: string, tensors: TensorToWrite[], metadata: Record<string, string>): Uint8Array {
  const entries: [string, unknown][] = Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : []
  let at = 0
  for (const { name, dtype, shape } of tensors) {
    const end = at + tensorBytes(dtype, shape)
    entries.push([name, { dtype, shape, data_offsets: [at, end] }])
    at = end
  }
  // Built by hand because an object would move names that look like whole numbers to the front.
  const body = entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')
  const json = new TextEncoder().encode(`{${body}}`)
  const padded = Math.ceil(json.length / 8) * 8
  if (padded > MAX_HEADER_BYTES)
    throw new HoneError(
      'E_TOO_LARGE',
      `the header of ${path} would take ${padded} bytes of at most ${MAX_HEADER_BYTES}`,
    )
  const header = new Uint8Array(8 + padded).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true)
  header.set(json, 8)
  return header
}

async function* chunks(tensors: TensorToWrite[], header: Uint8Array): AsyncGenerator<Uint8Array> {
  yield header
  for (const { name, dtype, shape, bytes } of tensors) {
    const expected = tensorBytes(dtype, shape)
    let given = 0
    for await (const chunk of stream(bytes())) {
      given += chunk.length
      if (given > expected) break
      yield chunk
    }
    if (given !== expected)
      throw new HoneError(
        'E_SHAPE',
        `tensor '${name}' gave ${given > expected ? 'more' : given} bytes, but ${dtype} [${shape}] takes ${expected}`,
      )
  }
}

async function* stream(source: ByteSource): AsyncGenerator<Uint8Array> {
  const given = await source
  if (given instanceof Uint8Array) yield given
  else yield* given
}
