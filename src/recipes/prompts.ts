import type { DataSource } from '../data/index.ts'
import { openSource } from '../data/sources.ts'

/** How many prompts a round gets where each is to have its own: all of them, shared out evenly. */
export async function shareOfRound(prompts: DataSource, rounds: number): Promise<number> {
  const { rows } = await openSource(prompts, { split: 'train' })
  await rows.close()
  return Math.ceil(rows.length / rounds)
}
