import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The folder of extra reference material beside the checkout, where a developer has it; tests use it in addition. */
export function sharedFolder(): string | null {
  const folder = fileURLToPath(new URL('../../shared', import.meta.url))
  return existsSync(folder) ? folder : null
}
