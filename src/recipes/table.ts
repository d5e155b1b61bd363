import { closest, HoneError } from '../base/index.ts'
import type { Recipe } from '../proofs/index.ts'

/** Every recipe by its id; a file is loaded when its recipe is asked for. */
const table: Readonly<Record<string, () => Promise<{ default: Recipe }>>> = {
  'alignment-insights': () => import('./alignment-insights.ts'),
  'anita-italian': () => import('./anita-italian.ts'),
  asft: () => import('./asft.ts'),
  'balance-budget': () => import('./balance-budget.ts'),
  'fusechat-3': () => import('./fusechat-3.ts'),
  inpo: () => import('./inpo.ts'),
  'intuitive-ft': () => import('./intuitive-ft.ts'),
  limo: () => import('./limo.ts'),
  'ln-dpo': () => import('./ln-dpo.ts'),
  longpo: () => import('./longpo.ts'),
  'multi-turn-dpo': () => import('./multi-turn-dpo.ts'),
  openbezoar: () => import('./openbezoar.ts'),
  'openchat-crlft': () => import('./openchat-crlft.ts'),
  plum: () => import('./plum.ts'),
  poft: () => import('./poft.ts'),
  'rlhf-workflow': () => import('./rlhf-workflow.ts'),
  rdpo: () => import('./rdpo.ts'),
  'rpo-sft': () => import('./rpo-sft.ts'),
  rso: () => import('./rso.ts'),
  s3ft: () => import('./s3ft.ts'),
  'self-rationalizing-judge': () => import('./self-rationalizing-judge.ts'),
  selm: () => import('./selm.ts'),
  sftmix: () => import('./sftmix.ts'),
  'self-reinforcement': () => import('./self-reinforcement.ts'),
  sharpening: () => import('./sharpening.ts'),
  spin: () => import('./spin.ts'),
  tpo: () => import('./tpo.ts'),
}

export const recipeIds: readonly string[] = Object.keys(table)

/** The recipe of an id, or null where there is none. */
export async function loadRecipe(id: string): Promise<Recipe | null> {
  return Object.hasOwn(table, id) ? (await table[id]()).default : null
}

/** @throws HoneError E_RECIPE where there is none of this id */
export async function recipeOf(id: string): Promise<Recipe> {
  const found = await loadRecipe(id)
  if (found) return found
  const near = closest(id, recipeIds)
  throw new HoneError('E_RECIPE', `there is no recipe '${id}'`, {
    help: `${near ? `Did you mean ${near}? ` : ''}Built so far: ${recipeIds.join(', ')}. \`hone papers\` lists what is planned.`,
  })
}
