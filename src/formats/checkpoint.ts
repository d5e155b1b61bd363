/** A model's weights as a folder in Hugging Face's naming: one safetensors file, or shards with an index. */
import { HoneError, joinPath, platform } from '../base/index.ts'
import { tensorBytes } from './dtype.ts'
import { isRecord, readJsonObject } from './json.ts'
import { openSafetensors, type TensorEntry } from './safetensors.ts'
import { type TensorToWrite, writeSafetensors } from './safetensors-write.ts'

const SINGLE = 'model.safetensors'
const INDEX = 'model.safetensors.index.json'
const SHARD = /^model-\d{5,}-of-\d{5,}\.safetensors$/

export interface Checkpoint {
  folder: string
  /** The `__metadata__` of the first file. */
  metadata: Record<string, string>
  /** Every tensor of every shard by name. */
  tensors: Map<string, TensorEntry>
  /** Bytes of all tensors together. */
  bytes: number
}

/**
 * Opens `model.safetensors`, else the shards that `model.safetensors.index.json` names; reads headers only.
 * Throws `E_NOT_FOUND` (no weights; all missing shards in one error), `E_PICKLE` (only `.bin` files) or `E_CORRUPT`.
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  const info = await platform().stat(folder)
  if (!info) throw new HoneError('E_NOT_FOUND', `the model folder ${folder} does not exist`)
  if (info.kind !== 'folder')
    throw new HoneError('E_NOT_FOUND', `${folder} is a file, expected a folder that holds ${SINGLE}`)
  const names = await platform().list(folder)
  if (names.includes(SINGLE)) {
    const { metadata, tensors } = await openSafetensors(joinPath(folder, SINGLE))
    return { folder, metadata, tensors, bytes: totalBytes(tensors.values()) }
  }
  if (names.includes(INDEX)) return openShards(folder, names)
  throw noWeights(folder, names)
}

function noWeights(folder: string, names: string[]): HoneError {
  if (names.some((name) => /^pytorch_model.*\.bin/.test(name)))
    return new HoneError('E_PICKLE', `${folder} holds its weights as pytorch_model.bin only, expected ${SINGLE}`, {
      help:
        'A .bin file is a Python pickle, which may run any program when opened, so it is not read. Convert it once in ' +
        'Python: AutoModelForCausalLM.from_pretrained(DIR).save_pretrained(OUT, safe_serialization=True).',
    })
  const adapter = names.includes('adapter_model.safetensors')
  const held =
    names.length > 0 ? `it holds ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}` : 'it is empty'
  return new HoneError('E_NOT_FOUND', `${folder} has neither ${SINGLE} nor ${INDEX}: ${held}`, {
    help: adapter
      ? 'This is an adapter: give the folder of its base model as the model.'
      : 'Check the path of the model.',
  })
}

async function openShards(folder: string, names: string[]): Promise<Checkpoint> {
  const path = joinPath(folder, INDEX)
  const map = (await readJsonObject(path))['weight_map']
  if (!isRecord(map) || !Object.values(map).every((file) => typeof file === 'string'))
    throw new HoneError('E_CORRUPT', `${path} has no weight_map from tensor names to file names`)
  const files = [...new Set(Object.values(map) as string[])].sort()
  const strange = files.find((file) => !/^[^/\\]+\.safetensors$/.test(file))
  if (strange !== undefined)
    throw new HoneError(
      'E_CORRUPT',
      `${path} names the shard ${JSON.stringify(strange)}, expected a file of its own folder`,
    )
  const missing = files.filter((file) => !names.includes(file))
  if (missing.length > 0)
    throw new HoneError(
      'E_NOT_FOUND',
      `${folder} lacks ${missing.length} of ${files.length} shards: ${missing.join(', ')}`,
      {
        help: 'The download or copy is incomplete: fetch the missing files.',
      },
    )
  const tensors = new Map<string, TensorEntry>()
  const faults: string[] = []
  let metadata: Record<string, string> = {}
  for (const file of files) {
    const shard = await openSafetensors(joinPath(folder, file))
    if (file === files[0]) metadata = shard.metadata
    for (const entry of shard.tensors.values()) {
      if (tensors.has(entry.name)) faults.push(`'${entry.name}' stands in two shards`)
      else if (!Object.hasOwn(map, entry.name)) faults.push(`'${entry.name}' of ${file} is not in the index`)
      else if (map[entry.name] !== file) faults.push(`'${entry.name}' is in ${file}, the index says ${map[entry.name]}`)
      tensors.set(entry.name, entry)
    }
  }
  for (const name of Object.keys(map)) if (!tensors.has(name)) faults.push(`'${name}' is in no shard`)
  if (faults.length > 0)
    throw new HoneError(
      'E_CORRUPT',
      `${path} does not fit its shards: ${faults.slice(0, 20).join('; ')}${faults.length > 20 ? `; and ${faults.length - 20} more` : ''}`,
    )
  return { folder, metadata, tensors, bytes: totalBytes(tensors.values()) }
}

function totalBytes(entries: Iterable<TensorEntry>): number {
  let total = 0
  for (const { bytes } of entries) total += bytes
  return total
}

export interface WriteCheckpointOptions {
  /** A shard is closed before it would grow beyond this many bytes; a single larger tensor has a shard of its own. */
  maxShardBytes?: number
  metadata?: Record<string, string>
}

/**
 * Writes `model.safetensors`, or `model-00001-of-0000N.safetensors` … and the index where that would exceed
 * `maxShardBytes` (5 GB). Every file is whole or absent, and what decides how the folder is read comes last; files of
 * an earlier checkpoint in the folder are removed after that. Returns the names of the files it wrote.
 */
export async function writeCheckpoint(
  folder: string,
  tensors: readonly TensorToWrite[],
  { maxShardBytes = 5e9, metadata = { format: 'pt' } }: WriteCheckpointOptions = {},
): Promise<string[]> {
  await platform().makeFolder(folder)
  const shards = split(tensors, maxShardBytes)
  if (shards.length <= 1) {
    await writeSafetensors(joinPath(folder, SINGLE), tensors, metadata)
    await removeOthers(folder, [SINGLE])
    return [SINGLE]
  }
  const number = (value: number) => String(value).padStart(5, '0')
  const names = shards.map((_, i) => `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`)
  const map: [string, string][] = []
  // An index left from before must not bind new shards to old ones if this is cut short.
  await platform().remove(joinPath(folder, INDEX))
  for (const [i, shard] of shards.entries()) {
    await writeSafetensors(joinPath(folder, names[i]), shard, metadata)
    for (const { name } of shard) map.push([name, names[i]])
  }
  map.sort(([a], [b]) => (a < b ? -1 : 1))
  const total = tensors.reduce((sum, { dtype, shape }) => sum + tensorBytes(dtype, shape), 0)
  const index = { metadata: { total_size: total }, weight_map: Object.fromEntries(map) }
  await platform().writeAtomic(joinPath(folder, INDEX), `${JSON.stringify(index, null, 2)}\n`)
  await removeOthers(folder, [...names, INDEX])
  return [...names, INDEX]
}

function split(tensors: readonly TensorToWrite[], maxShardBytes: number): TensorToWrite[][] {
  const shards: TensorToWrite[][] = []
  let room = 0
  const seen = new Set<string>()
  for (const tensor of tensors) {
    if (seen.has(tensor.name)) throw new HoneError('E_DUPLICATE', `the tensor name '${tensor.name}' is already taken`)
    seen.add(tensor.name)
    const bytes = tensorBytes(tensor.dtype, tensor.shape)
    if (shards.length === 0 || bytes > room) {
      shards.push([])
      room = maxShardBytes
    }
    shards.at(-1)!.push(tensor)
    room -= bytes
  }
  return shards
}

async function removeOthers(folder: string, keep: string[]): Promise<void> {
  for (const name of await platform().list(folder)) {
    const ours = name === SINGLE || name === INDEX || SHARD.test(name)
    if (ours && !keep.includes(name)) await platform().remove(joinPath(folder, name))
  }
}
