import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { platform } from '../base/index.ts'
import { renderDocs } from './docs.ts'

const read = (path: string) => readFileSync(`${platform().packageRoot()}/${path}`, 'utf8')

test('the page of systems and the plots are those of the recorded verdicts: npm run docs makes them', async () => {
  for (const [path, text] of await renderDocs()) expect(read(path), path).toBe(text)
})

test('the page has every system once, and a section for each recorded verdict', async () => {
  const pages = await renderDocs()
  const page = pages.get('docs/papers.md') ?? ''
  expect(page.match(/^\| \d+ \|/gm)).toHaveLength(103)
  expect(page.match(/^## /gm) ?? []).toHaveLength(pages.size - 1)
})
