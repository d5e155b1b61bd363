import { joinPath, platform } from '../base/index.ts'
import { type Check, definitionHash, type ProofRecord, readRecord } from '../proofs/index.ts'
import { search } from './search.ts'
import { loadRecipe } from './table.ts'

/** A published system. */
export interface Paper {
  n: number
  id: string
  title: string
  /** Number on arXiv. */
  arxiv: string
  kind: string
  /** What it is built of: 'sft', 'pairs', 'sampler', … */
  needs: string[]
  /** What it does, in one sentence. */
  line: string
}

/**
 * planned: not built. runs: built, with no verdict on the present definition. The others are verdicts.
 */
export type PaperState = 'planned' | 'runs' | 'holds' | 'not-shown' | 'refuted'

/** A system with how far it is. */
export interface ListedPaper extends Paper {
  state: PaperState
  /** What the recorded proof measured, check by check; null without one. */
  figures: Pick<Check, 'what' | 'measured' | 'wanted' | 'holds'>[] | null
  seconds: number | null
  date: string | null
}

/** The systems in the order of their numbers. */
export async function catalogue(): Promise<Paper[]> {
  const text = await platform().readText(joinPath(platform().packageRoot(), 'papers', 'catalogue.jsonl'))
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Paper)
}

/** The systems that match a query, the best first; all in order for none. */
export function searchPapers<P extends Paper>(papers: readonly P[], query: string): P[] {
  if (query.trim() === '') return [...papers]
  const textOf = ({ id, title, line, kind, needs }: Paper) => [id, title, line, kind, ...needs].join(' ')
  return search(papers, textOf, query).map(({ item }) => item)
}

/** Every system with its state. */
export async function listPapers(): Promise<ListedPaper[]> {
  return Promise.all(
    (await catalogue()).map(async (paper) => {
      const record = await currentRecord(paper.id)
      const state: PaperState = record?.verdict ?? ((await loadRecipe(paper.id)) ? 'runs' : 'planned')
      const figures =
        record?.checks.map(({ what, measured, wanted, holds }) => ({ what, measured, wanted, holds })) ?? null
      return { ...paper, state, figures, seconds: record?.seconds ?? null, date: record?.date ?? null }
    }),
  )
}

/** The recorded verdict of a system, if it is on what the sources say now. Without sources it is taken as it stands. */
export async function currentRecord(id: string): Promise<ProofRecord | null> {
  const recipe = await loadRecipe(id)
  const record = recipe && (await readRecord(id))
  if (!recipe || !record) return null
  const definition = await definitionHash(recipe)
  return definition === null || definition === record.definition ? record : null
}
