import { nodePlatform } from './node.ts'
import type { Platform } from './types.ts'

export * from './paths.ts'
export type * from './types.ts'

let current: Platform = nodePlatform

/** The machine this process runs on. Called at use, never kept, so that a test can put another under the code. */
export function platform(): Platform {
  return current
}

/** Puts another platform in place (a fault-injecting one, a browser's) and returns the one before. */
export function setPlatform(next: Platform): Platform {
  const before = current
  current = next
  return before
}
