import type { Backend } from './backend.ts'
import type { Isa } from './backends/cpu/isas.ts'
import { openReferenceBackend } from './backends/reference/index.ts'

export interface BackendOptions {
  /** Default 'cpu'. */
  kind?: 'cpu' | 'reference'
  /** Kernel threads; HONE_THREADS or every core unless given. */
  threads?: number
  /** Holds the kernels to a lower instruction set than the machine has. */
  isa?: Isa
  /** Lines about what takes long: compiling the kernels at first use. */
  onProgress?: (line: string) => void
}

/**
 * Opens a backend. Native code is only loaded where it is asked for, so that the rest runs without it.
 * @throws HoneError E_NO_COMPILER, E_COMPILE
 */
export async function openBackend({ kind = 'cpu', ...options }: BackendOptions = {}): Promise<Backend> {
  if (kind === 'reference') return openReferenceBackend()
  const { openCpuBackend } = await import('./backends/cpu/index.ts')
  return openCpuBackend(options)
}
