/**
 * Reader of safetensors (format: huggingface/safetensors README, "Format"): u64 header length, a JSON header of that
 * length, then the tensors' bytes without holes or overlap. Only the header is read; tensors are read by range.
 */
import { type FileReader, HoneError, platform } from '../base/index.ts'
import { type Dtype, isDtype, tensorBytes, toFloat32 } from './dtype.ts'
import { decodeUtf8, duplicateKey, isRecord, MAX_HEADER_BYTES, parseJson } from './json.ts'

export interface TensorEntry {
  name: string
  dtype: Dtype
  shape: number[]
  /** Where its bytes begin, counted from the start of the file. */
  offset: number
  /** How many bytes it takes. */
  bytes: number
  /** The file that holds it. */
  file: string
}

export interface SafetensorsFile {
  path: string
  metadata: Record<string, string>
  /** In the order of their bytes in the file. */
  tensors: Map<string, TensorEntry>
}

const corrupt = (path: string, what: string) =>
  new HoneError('E_CORRUPT', `${path}: ${what}`, {
    help: 'The file is damaged or was only partly copied: download or export it again.',
  })

/**
 * Reads and checks the header. Throws `E_NOT_FOUND`, or `E_CORRUPT` naming the file, the tensor and the rule it breaks:
 * a header that lies about its size, a dtype or shape that does not match its bytes, holes, overlaps, duplicate names,
 * bytes missing or left over at the end.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const reader = await platform().open(path)
  try {
    const { text, dataStart } = await readHeader(reader, path)
    const header = parseJson(text, `the header of ${path}`)
    if (!isRecord(header)) throw corrupt(path, 'the header is not a JSON object')
    const twice = duplicateKey(text)
    if (twice !== null) throw corrupt(path, `the tensor '${twice}' is described twice`)
    const metadata = readMetadata(header['__metadata__'], path)
    const tensors = Object.entries(header)
      .filter(([name]) => name !== '__metadata__')
      .map(([name, value]) => readEntry(name, value, path, dataStart))
      .sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)
    checkLayout(tensors, path, dataStart, reader.size)
    return { path, metadata, tensors: new Map(tensors.map((entry) => [entry.name, entry])) }
  } finally {
    await reader.close()
  }
}

async function readHeader(reader: FileReader, path: string): Promise<{ text: string; dataStart: number }> {
  const prefix = await reader.read(0, 8)
  if (prefix.length < 8) throw corrupt(path, `${prefix.length} bytes are too few for a safetensors file`)
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true))
  if (length > MAX_HEADER_BYTES)
    throw corrupt(
      path,
      `the header claims ${length} bytes, expected at most ${MAX_HEADER_BYTES}: not a safetensors file`,
    )
  if (length > reader.size - 8)
    throw corrupt(path, `the header claims ${length} bytes, but only ${reader.size - 8} follow`)
  const bytes = await reader.read(8, length)
  if (bytes.length < length) throw corrupt(path, `the header ends after ${bytes.length} of ${length} bytes`)
  if (bytes[0] !== 0x7b) throw corrupt(path, `the header does not begin with '{'`)
  return { text: decodeUtf8(bytes, `the header of ${path}`), dataStart: 8 + length }
}

function readMetadata(value: unknown, path: string): Record<string, string> {
  if (value === undefined || value === null) return {}
  if (!isRecord(value) || !Object.values(value).every((item) => typeof item === 'string'))
    throw corrupt(path, '__metadata__ is not an object of strings')
  return value as Record<string, string>
}

function readEntry(name: string, value: unknown, path: string, dataStart: number): TensorEntry {
  const bad = (what: string) => corrupt(path, `tensor '${name}': ${what}`)
  if (!isRecord(value)) throw bad('its description is not an object')
  const { dtype, shape, data_offsets: offsets } = value
  if (!isDtype(dtype)) throw bad(`unknown dtype ${JSON.stringify(dtype)}`)
  if (!Array.isArray(shape)) throw bad(`shape ${JSON.stringify(shape)}, expected an array of sizes`)
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every((at) => Number.isSafeInteger(at) && at >= 0))
    throw bad(`data_offsets ${JSON.stringify(offsets)}, expected [begin, end]`)
  const [begin, end] = offsets as [number, number]
  let bytes: number
  try {
    bytes = tensorBytes(dtype, shape)
  } catch (cause) {
    throw bad((cause as Error).message)
  }
  if (end - begin !== bytes) throw bad(`${dtype} [${shape}] takes ${bytes} bytes, its data_offsets span ${end - begin}`)
  return { name, dtype, shape, offset: dataStart + begin, bytes, file: path }
}

function checkLayout(tensors: TensorEntry[], path: string, dataStart: number, size: number): void {
  let next = dataStart
  for (const { name, offset, bytes } of tensors) {
    if (offset > next)
      throw corrupt(path, `tensor '${name}' begins ${offset - next} bytes after the one before it ends`)
    if (offset < next) throw corrupt(path, `tensor '${name}' overlaps the one before it by ${next - offset} bytes`)
    next += bytes
    if (next > size)
      throw corrupt(path, `tensor '${name}' ends at byte ${next}, but the file has only ${size}: it is truncated`)
  }
  if (next !== size) throw corrupt(path, `${size - next} bytes follow the last tensor, expected none`)
}

/** One read of the system covers less than 2 GB: longer ones are put together from pieces. */
const PIECE = 1 << 30

/**
 * The stored bytes of a tensor, or `length` of them from byte `from` of the tensor on.
 * Throws `E_CORRUPT` when the file has become shorter since its header was read.
 */
export async function readTensorBytes(entry: TensorEntry, from = 0, length = entry.bytes - from): Promise<Uint8Array> {
  if (from < 0 || length < 0 || from + length > entry.bytes)
    throw new HoneError(
      'E_RANGE',
      `bytes ${from}..${from + length} of tensor '${entry.name}', which has ${entry.bytes}`,
    )
  const filled = (piece: Uint8Array, expected = length) => {
    if (piece.length === expected) return piece
    throw corrupt(entry.file, `tensor '${entry.name}' ends before its ${entry.bytes} bytes`)
  }
  const reader = await platform().open(entry.file)
  try {
    if (length <= PIECE) return filled(await reader.read(entry.offset + from, length))
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += PIECE) {
      const piece = await reader.read(entry.offset + from + at, Math.min(length - at, PIECE))
      bytes.set(filled(piece, Math.min(length - at, PIECE)), at)
    }
    return bytes
  } finally {
    await reader.close()
  }
}

/** A floating-point tensor as f32, in row-major order. Throws `E_DTYPE`, naming the tensor, for other dtypes. */
export async function readTensorFloat32(entry: TensorEntry): Promise<Float32Array<ArrayBuffer>> {
  try {
    return toFloat32(await readTensorBytes(entry), entry.dtype)
  } catch (error) {
    if (error instanceof HoneError && error.code === 'E_DTYPE')
      throw new HoneError('E_DTYPE', `tensor '${entry.name}' of ${entry.file}: ${error.message}`)
    throw error
  }
}
