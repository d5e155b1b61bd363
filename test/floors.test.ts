import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const source = join(root, 'src')

/** Rooms by floor; imports only point down, or along a floor without cycles. */
const floors: string[][] = [
  ['base'],
  ['tensor', 'text', 'batch', 'chat', 'formats', 'runs'],
  ['models', 'objectives', 'data'],
  ['generate', 'merge', 'export'],
  ['engine'],
  ['rewards', 'envs'],
  ['train', 'evaluate'],
  ['curate', 'report', 'proofs'],
  ['recipes'],
  ['cli', 'web', 'serve'],
]
const floorOf = new Map(floors.flatMap((rooms, floor) => rooms.map((room) => [room, floor] as const)))

/** Files that may touch the machine directly. */
const machine = /^(base\/platform|tensor\/backends\/cpu|rewards\/sandbox|cli|web|serve)\//

const walk = (folder: string): string[] =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    return statSync(path).isDirectory() ? walk(path) : [path]
  })

const files = walk(source)
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && !path.includes('fixtures'))
  .map((path) => ({ path, name: relative(source, path), text: readFileSync(path, 'utf8') }))

const imports = (text: string) =>
  [
    ...text.matchAll(
      /(?:^|[\s;])(?:import|export)\s[^'"]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]|^import\s*['"]([^'"]+)['"]/gm,
    ),
  ].map((m) => m[1] ?? m[2] ?? m[3])
const room = (name: string) => name.split('/')[0]

test('there is source to check', () => {
  expect(files.length).toBeGreaterThan(50)
})

test('every room stands on a floor', () => {
  const rooms = new Set(files.map(({ name }) => room(name)).filter((name) => !name.endsWith('.ts')))
  expect([...rooms].filter((name) => !floorOf.has(name))).toEqual([])
})

test('imports only point down', () => {
  const wrong: string[] = []
  const edges = new Map<string, Set<string>>()
  for (const { path, name, text } of files) {
    const from = floorOf.get(room(name))
    for (const target of imports(text)) {
      if (!target.startsWith('.')) continue
      const other = relative(source, resolve(dirname(path), target))
      if (!existsSync(join(source, other))) wrong.push(`${name}: ${target} does not exist`)
      if (from === undefined || room(other) === room(name)) continue
      const to = floorOf.get(room(other))
      if (to === undefined || to > from) wrong.push(`${name} (floor ${from}) imports ${other} (floor ${to})`)
      if (to === from) edges.set(room(name), (edges.get(room(name)) ?? new Set()).add(room(other)))
    }
  }
  expect(wrong).toEqual([])
  const reaches = (start: string, end: string, seen = new Set<string>()): boolean =>
    [...(edges.get(start) ?? [])].some(
      (next) => next === end || (!seen.has(next) && reaches(next, end, seen.add(next))),
    )
  expect([...edges.keys()].filter((name) => reaches(name, name))).toEqual([])
})

test('only the platform, the CPU backend and the top floor touch the machine', () => {
  const wrong = files
    .filter(({ name }) => !machine.test(name))
    .flatMap(({ name, text }) => {
      const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
      const found = imports(text).filter((target) => target.startsWith('node:'))
      if (/(?<![-\w])process\s*\.|\bBuffer\s*\./.test(code)) found.push('process or Buffer')
      return found.map((what) => `${name} uses ${what}`)
    })
  expect(wrong).toEqual([])
})

test('files stay short: none above 500 lines, median at most 120, nine in ten at most 300', () => {
  const lengths = files
    .map(({ name, text }) => ({ name, lines: text.split('\n').length }))
    .sort((a, b) => a.lines - b.lines)
  expect(lengths.filter(({ lines }) => lines > 500).map(({ name }) => name)).toEqual([])
  expect(lengths[Math.floor(lengths.length / 2)].lines).toBeLessThanOrEqual(120)
  expect(lengths[Math.floor(lengths.length * 0.9)].lines).toBeLessThanOrEqual(300)
})

test('an index only exports', () => {
  const wrong = files
    .filter(({ name }) => /^[a-z]+\/index\.ts$/.test(name) && !['base', 'objectives'].includes(room(name)))
    .filter(({ text }) => /^(?:const|let|function|class)\s/m.test(text))
    .map(({ name }) => name)
  expect(wrong).toEqual([])
})
