import { z } from 'zod'
import { formatDuration, formatNumber, HoneError, platform } from '../base/index.ts'
import { textTable } from '../report/index.ts'
import { listRuns, type RunSummary } from '../runs/index.ts'
import { verb } from './verb.ts'

const options = z.strictObject({
  folders: z.array(z.string()).default(['runs']).describe('folders to look in'),
  depth: z.int().nonnegative().default(2).describe('levels of folders to go down'),
})

export default verb({
  summary: 'list the runs in some folders (default ./runs), the newest first',
  options,
  main: ['depth'],
  words: 'folders',
  placeholders: { folders: 'FOLDER…' },
  example: ['hone runs'],
  async run({ folders, depth }, terminal) {
    const found: RunSummary[] = []
    for (const folder of folders) {
      const info = await platform().stat(folder)
      // The default folder comes with the first run: before that there is nothing, not a mistake.
      if (!info && folder === 'runs' && folders.length === 1) continue
      if (info?.kind !== 'folder') throw new HoneError('E_NOT_FOUND', `there is no folder ${folder}`)
      found.push(...(await listRuns(folder, { depth })))
    }
    const age = (created: string) => formatDuration((platform().now() - Date.parse(created)) / 1000)
    const rows = found.map(({ out, kind, state, step, loss, created }) => [
      out,
      kind,
      state,
      step === null ? '–' : String(step),
      formatNumber(loss),
      age(created),
    ])
    if (rows.length === 0) terminal.print(`no runs in ${folders.join(', ')}`)
    else terminal.print(textTable([['run', 'kind', 'state', 'steps', 'loss', 'age'], ...rows]))
    for (const { out, fault } of found) if (fault) terminal.warn(`${out}: ${fault}`)
    const runs = found.map(({ out, step, ...rest }) => ({ run: out, ...rest, steps: step }))
    return { document: { runs } }
  },
})
