import { baseName, joinPath, platform } from '../base/index.ts'
import type { Recipe } from './types.ts'

/** Files of the room of objectives that declare and evaluate them: they say nothing of what a loss is. */
const frame = new Set(['index', 'table', 'objective', 'parameters', 'views', 'evaluate'])

/**
 * A hash of what a verdict depends on: the recipe's file, the environments that it imports, and the objectives it trains
 * with, all without comments and spacing. Null where the package has no sources.
 */
export async function definitionHash({ id, proof }: Pick<Recipe, 'id' | 'proof'>): Promise<string | null> {
  const root = joinPath(platform().packageRoot(), 'src')
  const own = joinPath(root, 'recipes', `${id}.ts`)
  if (!(await platform().stat(own))) return null
  const files = new Map<string, string>()
  await collect(
    own,
    files,
    (path) => path.startsWith(joinPath(root, 'recipes/')) || path.startsWith(joinPath(root, 'envs/')),
  )
  const losses = joinPath(root, 'objectives')
  const isLoss = (path: string) => path.startsWith(`${losses}/`) && !frame.has(baseName(path).replace(/\.ts$/, ''))
  for (const objective of proof.objectives) {
    for (const name of await platform().list(losses)) {
      const path = joinPath(losses, name)
      if (!name.endsWith('.ts') || name.endsWith('.test.ts') || !isLoss(path)) continue
      if ((await platform().readText(path)).includes(`id: '${objective}'`)) await collect(path, files, isLoss)
    }
  }
  const hash = platform().sha256()
  for (const [path, text] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${path.slice(root.length)}\n${text}\n`)
  }
  return hash.digest().slice(0, 16)
}

/** A file and what it imports from the rooms that count. */
async function collect(path: string, into: Map<string, string>, counts: (path: string) => boolean): Promise<void> {
  if (into.has(path)) return
  const text = await platform().readText(path)
  into.set(path, bare(text))
  for (const [, target] of text.matchAll(/from '(\.[^']+)'/g)) {
    const other = resolve(path, target)
    if (counts(other)) await collect(other, into, counts)
  }
}

/** The path that an import in a file names. */
function resolve(file: string, target: string): string {
  const parts = file.split('/').slice(0, -1)
  for (const part of target.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}

/** Code without comments and with its spacing made even. */
export const bare = (text: string): string =>
  text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '$1')
    .replace(/\s+/g, ' ')
    .trim()
