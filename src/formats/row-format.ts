/** Which format a file of rows has: by its extension, held against its first bytes. */
import { baseName, type Compression, extension, HoneError, joinPath, platform } from '../base/index.ts'

export type RowFormat = 'jsonl' | 'json' | 'csv' | 'tsv' | 'txt' | 'parquet'

const EXTENSIONS: Record<string, RowFormat> = {
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  json: 'json',
  csv: 'csv',
  tsv: 'tsv',
  txt: 'txt',
  parquet: 'parquet',
}

export interface RowSource {
  path: string
  format: RowFormat
  compression: Compression
}

const known = Object.keys(EXTENSIONS).map((ending) => `.${ending}`)
const startsWith = (bytes: Uint8Array, ...magic: number[]) => magic.every((byte, i) => bytes[i] === byte)

/** How much of a `.json` file is looked at to find its first line. */
const FIRST_LINE_LIMIT = 16 << 20

/**
 * Throws `E_NOT_FOUND`, `E_EMPTY` (no bytes) or `E_FORMAT`: an unknown extension, or bytes that belie it (a `.gz` that is
 * no gzip, Parquet under another name, UTF-16 text).
 */
export async function detectRows(path: string): Promise<RowSource> {
  const info = await platform().stat(path)
  if (!info) throw new HoneError('E_NOT_FOUND', `the data file ${path} does not exist`)
  if (info.kind === 'folder') throw new HoneError('E_NOT_A_FILE', `${path} is a folder, expected a file of rows`)
  if (info.size === 0)
    throw new HoneError('E_EMPTY', `${path} is empty, expected rows`, {
      help: 'Check that it is the right file and was written to its end.',
    })
  const ending = extension(path)
  if (!Object.hasOwn(EXTENSIONS, ending))
    throw new HoneError('E_FORMAT', `${path} has ${ending ? `the unknown extension .${ending}` : 'no extension'}`, {
      help: `Rows are read from ${known.join(', ')}, each also with .gz or .zst: rename the file to what it is.`,
    })
  const compression = await checkCompression(path)
  const source: RowSource = { path, format: EXTENSIONS[ending], compression }
  if (source.format === 'parquet') {
    if (compression === 'none') return source
    throw new HoneError('E_FORMAT', `${path} is Parquet inside ${compression}, expected it as it is`, {
      help: 'Unpack it first: Parquet compresses its own pages.',
    })
  }
  const start = await firstLine(source)
  if (startsWith(start.bytes, 0xff, 0xfe) || startsWith(start.bytes, 0xfe, 0xff))
    throw new HoneError('E_FORMAT', `${path} is UTF-16 text, expected UTF-8`, { help: 'Save it as UTF-8.' })
  return source.format === 'json' || source.format === 'jsonl' ? { ...source, format: jsonKind(source, start) } : source
}

async function checkCompression(path: string): Promise<Compression> {
  const reader = await platform().open(path)
  try {
    const head = await reader.read(0, 4)
    const found = startsWith(head, 0x1f, 0x8b) ? 'gzip' : startsWith(head, 0x28, 0xb5, 0x2f, 0xfd) ? 'zstd' : 'none'
    const name = baseName(path).toLowerCase()
    const named = name.endsWith('.gz') ? 'gzip' : name.endsWith('.zst') ? 'zstd' : 'none'
    const parquet = startsWith(head, 0x50, 0x41, 0x52, 0x31)
    const content = found !== 'none' ? `${found} data` : parquet ? 'Parquet' : 'not compressed'
    if (found !== named || (parquet && extension(path) !== 'parquet'))
      throw new HoneError('E_FORMAT', `${path} is ${content}, which its name does not say`, {
        help: 'Rename it to what it is: .gz for gzip, .zst for zstd, .parquet for Parquet.',
      })
    return found
  } finally {
    await reader.close()
  }
}

interface Start {
  bytes: Uint8Array
  /** Whether anything but white space follows the first line. */
  more: boolean
}

const isSpace = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

async function firstLine({ path, compression, format }: RowSource): Promise<Start> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of platform().stream(path, compression)) {
    parts.push(chunk)
    size += chunk.length
    if (format !== 'json' || size >= FIRST_LINE_LIMIT) break
    if (!chunk.includes(0x0a)) continue
    const bytes = join(parts, size)
    const first = bytes.findIndex((byte) => !isSpace(byte))
    const end = first < 0 ? -1 : bytes.indexOf(0x0a, first)
    if (end >= 0 && bytes.subarray(end).some((byte) => !isSpace(byte)))
      return { bytes: bytes.subarray(0, end), more: true }
  }
  return { bytes: join(parts, size), more: false }
}

function join(parts: Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** `.json` files are often one object a line, `.jsonl` files now and then one array: both are told by their first line. */
function jsonKind({ format }: RowSource, { bytes, more }: Start): RowFormat {
  const text = new TextDecoder().decode(more ? bytes : bytes.subarray(0, 64)).trimStart()
  if (text.startsWith('[')) return 'json'
  if (format === 'jsonl' || !more) return format
  try {
    JSON.parse(text)
    return 'jsonl'
  } catch {
    return 'json'
  }
}

/**
 * The files of rows under a folder, in order of their paths, or the file itself. Hidden files and `.json` files that
 * describe rather than hold rows (`dataset_info.json`, …) are left aside. Throws `E_NOT_FOUND` when there are none.
 */
export async function listRowFiles(path: string): Promise<string[]> {
  const info = await platform().stat(path)
  if (!info) throw new HoneError('E_NOT_FOUND', `${path} does not exist`, { help: 'Check the spelling of the path.' })
  if (info.kind === 'file') return [path]
  const files: string[] = []
  const visit = async (folder: string, depth: number) => {
    for (const name of await platform().list(folder)) {
      if (name.startsWith('.') || DESCRIPTIONS.has(name)) continue
      const inner = joinPath(folder, name)
      if ((await platform().stat(inner))?.kind === 'folder') {
        if (depth < MAX_DEPTH) await visit(inner, depth + 1)
      } else if (Object.hasOwn(EXTENSIONS, extension(name))) files.push(inner)
    }
  }
  await visit(path, 0)
  if (files.length === 0)
    throw new HoneError('E_NOT_FOUND', `${path} holds no file of rows, expected ${known.join(', ')}`)
  return files
}

const DESCRIPTIONS = new Set(['dataset_info.json', 'dataset_infos.json', 'dataset_dict.json', 'state.json'])
const MAX_DEPTH = 8
