import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { objectives } from '../src/objectives/index.ts'

const read = (name: string) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8')

test('the README lists every objective once, under the form of data that it reads', () => {
  const [, section] = read('README.md').split('## Objectives\n')
  const rows = section
    .split('\n## ')[0]
    .split('\n')
    .filter((line) => line.startsWith('| ') && line.includes('`'))
  const words = {
    demonstrations: /^\| demonstrations/,
    pairs: /^\| pairs/,
    triples: /^\| triples/,
    explorations: /^\| pairs with/,
  } as const
  const others = {
    rankings: /^\| rankings/,
    unpaired: /^\| answers with a `label`/,
    steps: /^\| answers in steps/,
  } as const
  for (const [form, begins] of Object.entries({ ...words, ...others })) {
    const row = rows.find((line) => begins.test(line)) ?? ''
    const listed = [...(row.split('|')[2] ?? '').matchAll(/`([^`]+)`/g)].map(([, id]) => id)
    const own = Object.values(objectives).filter((objective) => objective.form === form)
    expect(listed.sort()).toEqual(own.map(({ id }) => id).sort())
  }
  expect(read('CHANGELOG.md')).toContain(`${Object.keys(objectives).length} objectives`)
})
