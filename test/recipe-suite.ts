import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { definitionHash, prove } from '../src/proofs/index.ts'
import { catalogue, recipeOf } from '../src/recipes/index.ts'

/** What holds for every recipe: it is a system of the catalogue, and its proof runs, keeps what it did, and goes on from it. */
export function recipeSuite(id: string): void {
  const folder = mkdtempSync(join(tmpdir(), `hone-${id}-`))
  afterAll(() => rmSync(folder, { recursive: true }))
  const smoke = { size: 'smoke', seeds: 1, folder } as const

  test('is a system of the catalogue, and says what it is', async () => {
    const recipe = await recipeOf(id)
    expect((await catalogue()).find((paper) => paper.id === id)?.id).toBe(recipe.id)
    expect(Object.keys(recipe.reads).length).toBeGreaterThan(0)
    expect(recipe.settings.safeParse({}).success).toBe(true)
    const { claim, baseline, arms, seeds, shrunk } = recipe.proof
    expect(Object.keys(arms)).toContain(baseline)
    expect(claim).toMatch(/\.$/)
    expect(shrunk).toMatch(/\.$/)
    expect(seeds).toBeGreaterThan(1)
    expect(await definitionHash(recipe)).toMatch(/^[0-9a-f]{16}$/)
  })

  // Identities and plumbing: what a run of seconds measures is no evidence either way.
  test('its proof runs, keeps what it did, and goes on from it', async () => {
    const recipe = await recipeOf(id)
    const done = await prove(recipe, smoke)
    expect(Object.keys(done.figures)).toEqual(Object.keys(recipe.proof.arms))
    for (const { values } of Object.values(done.figures).flatMap((figures) => Object.values(figures))) {
      expect(values).toHaveLength(1)
      expect(values.every(Number.isFinite)).toBe(true)
    }
    expect(done.checks.length).toBeGreaterThan(0)

    const lines: string[] = []
    const onProgress = (line: string) => lines.push(line)
    expect(await prove(recipe, { ...smoke, onProgress })).toEqual(done)
    expect(lines).toEqual([])
    const kept = readdirSync(join(folder, id)).filter((name) => name.endsWith('.json'))
    rmSync(join(folder, id, kept[0]))
    const again = await prove(recipe, { ...smoke, onProgress })
    expect(lines.filter((line) => line.startsWith(`${id}: `))).toHaveLength(1)
    expect(again.figures).toEqual(done.figures)
  })
}
