import { expect, test } from 'vitest'
import { catalogue, listPapers, searchPapers } from './catalogue.ts'
import { recipeIds } from './table.ts'

const papers = await catalogue()

test('103 systems, numbered, each with its own id and a sentence', () => {
  expect(papers.map(({ n }) => n)).toEqual(Array.from({ length: 103 }, (_, i) => i + 1))
  expect(new Set(papers.map(({ id }) => id)).size).toBe(103)
  for (const { id, arxiv, needs, line, title } of papers) {
    expect(id).toMatch(/^[a-z0-9-]+$/)
    expect(arxiv).toMatch(/^\d{4}\.\d{5}$/)
    expect(needs.length).toBeGreaterThan(0)
    expect(line).toMatch(/^[A-Z].{40,}\.$/)
    expect(title.length).toBeGreaterThan(10)
  }
  const kinds = new Set(papers.map(({ kind }) => kind))
  expect(kinds.has('objective')).toBe(true)
  expect(kinds.size).toBeLessThan(25)
})

test('a system is planned until it is built', async () => {
  const listed = await listPapers()
  const built = listed.filter(({ state }) => state !== 'planned').map(({ id }) => id)
  expect(built.sort()).toEqual([...recipeIds].sort())
  for (const { state, figures, date } of listed) {
    const proven = ['holds', 'not-shown', 'refuted'].includes(state)
    expect([figures !== null, date !== null]).toEqual([proven, proven])
  }
})

test.each([
  ['flipped labels noise', 'rdpo'],
  ['length normalised DPO', 'ln-dpo'],
  ['protein', 'protein-lm'],
  ['spherical merge', 'domain-slerp'],
  ['mixup hidden layer', 'sftmix'],
  ['limo', 'limo'],
])('%s finds %s', (query, id) => {
  expect(
    searchPapers(papers, query)
      .slice(0, 3)
      .map((paper) => paper.id),
  ).toContain(id)
})
