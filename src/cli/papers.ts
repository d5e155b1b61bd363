import { z } from 'zod'
import { listPapers, searchPapers } from '../recipes/index.ts'
import { textTable } from '../report/index.ts'
import { verb } from './verb.ts'

export default verb({
  summary: `list the published systems, or those that match some words, the best match first.

States: planned (not built), runs (built), and the verdicts of recorded proofs: holds, not-shown, refuted`,
  options: z.strictObject({
    search: z.array(z.string()).default([]).describe('words to look for'),
  }),
  main: [],
  words: 'search',
  placeholders: { search: 'SEARCH' },
  example: ['hone papers', 'hone papers preference noise'],
  async run({ search }, terminal) {
    const query = search.join(' ')
    const found = searchPapers(await listPapers(), query)
    if (found.length === 0) terminal.print(`no system matches '${query}'`)
    else if (query === '') {
      const rows = found.map(({ n, id, kind, state }) => [id, String(n), kind, state])
      terminal.print(textTable([['id', 'n', 'kind', 'state'], ...rows]))
    }
    for (const { id, state, title, arxiv, line } of query === '' ? [] : found) {
      terminal.print(`${id} (${state}): ${line}`)
      terminal.print(`  ${title}, arXiv:${arxiv}`)
    }
    return { document: found }
  },
})
