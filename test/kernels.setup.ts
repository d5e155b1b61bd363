import { openBackend } from '../src/tensor/index.ts'

/** Compiles the kernels once, before the workers that would all wait for it. */
export default async function compileKernels(): Promise<void> {
  const backend = await openBackend({ threads: 1, onProgress: (line) => console.log(line) })
  backend.close()
}
