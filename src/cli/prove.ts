import { z } from 'zod'
import { formatDuration, formatNumber } from '../base/index.ts'
import { pilot, prove } from '../proofs/index.ts'
import { recipeOf } from '../recipes/index.ts'
import { proofText, textTable } from '../report/index.ts'
import { verb } from './verb.ts'

export default verb({
  summary: `run the experiment that puts a system's claim to the proof: exit code 0 where it holds, 1 where not.

Finished runs are kept in the cache: a proof that was stopped goes on where it was`,
  options: z.strictObject({
    id: z.array(z.string()).length(1).describe('of the system'),
    seeds: z.int().positive().optional().describe("runs of each arm; the proof's own number unless given"),
    pilot: z.boolean().default(false).describe('only try the settings of each arm, on the pilot seeds: no verdict'),
  }),
  main: ['seeds', 'pilot'],
  words: 'id',
  placeholders: { id: 'ID' },
  example: ['hone prove rdpo --seeds 2'],
  async run({ id: [id], seeds, pilot: isPilot }, terminal) {
    const recipe = await recipeOf(id)
    if (isPilot) {
      const trials = await pilot(recipe, { signal: terminal.signal, onProgress: terminal.status })
      terminal.status('')
      const cells = (values: object) => Object.entries(values).map(([key, x]) => `${key} ${formatNumber(x as number)}`)
      const rows = trials.map(({ arm, settings, figures }) => [
        arm,
        cells(settings).join(' '),
        cells(figures).join('  '),
      ])
      terminal.print(textTable(rows))
      return { document: { id, trials } }
    }
    const proven = await prove(recipe, { seeds, signal: terminal.signal, onProgress: terminal.status })
    terminal.status('')
    terminal.print(proofText(proven))
    terminal.print(`${proven.verdict} (${formatDuration(proven.seconds)} on ${proven.seeds.length} seeds)`)
    return { document: { ...proven }, exitCode: proven.verdict === 'holds' ? 0 : 1 }
  },
})
