import { HoneError, joinPath } from '../base/index.ts'
import { openSafetensors, type TensorToWrite, writeSafetensors } from '../formats/index.ts'
import type { Backend, BufferId, Optimizer, Parameter } from '../tensor/index.ts'

/** Elements read back at a time: a checkpoint never holds a whole tensor in JavaScript. */
const chunk = 1 << 20

async function* readBytes(backend: Backend, buffer: BufferId, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; at += chunk) {
    const values = Float32Array.from(await backend.read(buffer, at, Math.min(chunk, size - at)))
    yield new Uint8Array(values.buffer)
  }
}

/** What learns and the optimizer's buffers, by name: both parts of the state are written and read through this list. */
function slots(parameters: readonly Parameter[], optimizer: Optimizer) {
  return [
    ...parameters.map(({ name, buffer, size, shape }) => ({ name: `weight.${name}`, buffer, size, shape })),
    ...optimizer.state().map(({ name, buffer, size }) => ({ name, buffer, size, shape: [size] as readonly number[] })),
  ]
}

/** Writes `state.safetensors`: f32 masters and optimizer buffers. */
export async function saveState(
  backend: Backend,
  parameters: Parameter[],
  optimizer: Optimizer,
  folder: string,
): Promise<void> {
  const tensors = slots(parameters, optimizer).map(
    ({ name, buffer, size, shape }): TensorToWrite => ({
      name,
      dtype: 'F32',
      shape,
      bytes: () => readBytes(backend, buffer, size),
    }),
  )
  await writeSafetensors(joinPath(folder, 'state.safetensors'), tensors, { steps: String(optimizer.steps) })
}

/** Reads what `saveState` wrote. @throws HoneError E_CHECKPOINT where the names or shapes are those of another model */
export async function loadState(
  backend: Backend,
  parameters: Parameter[],
  optimizer: Optimizer,
  folder: string,
): Promise<void> {
  const path = joinPath(folder, 'state.safetensors')
  const file = await openSafetensors(path)
  const wanted = slots(parameters, optimizer)
  const wrong = wanted.filter(({ name, size }) => file.tensors.get(name)?.bytes !== 4 * size).map(({ name }) => name)
  if (wrong.length > 0 || file.tensors.size !== wanted.length) {
    throw new HoneError(
      'E_CHECKPOINT',
      `${path} is not a state of this model and optimizer: ${describe(wrong, file.tensors.size)}`,
    )
  }
  for (const { name, buffer, size } of wanted) {
    const entry = file.tensors.get(name)
    if (entry) await backend.load(buffer, 0, { path: entry.file, offset: entry.offset, dtype: 'f32', length: size })
  }
  optimizer.steps = Number(file.metadata['steps'])
}

function describe(wrong: string[], found: number): string {
  if (wrong.length === 0) return `it holds ${found} tensors, more than expected`
  return `${wrong.length} tensors are missing or of another size, the first is ${wrong[0]}`
}
