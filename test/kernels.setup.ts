import { openCpuBackend } from '../src/tensor/backends/cpu/index.ts'

/** Compiles the kernels once, before the workers that would all wait for it. */
export default async function compileKernels(): Promise<void> {
  const backend = await openCpuBackend({ threads: 1, onProgress: (line: string) => console.log(line) })
  backend.close()
}
