import { z } from 'zod'
import { baseName, HoneError, parentPath, platform } from '../base/index.ts'
import { renderReport } from '../report/index.ts'
import { verb } from './verb.ts'

const options = z.strictObject({
  runs: z.array(z.string()).min(1).describe('output folders of runs'),
  out: z.string().optional().describe('file to write; report.html in the folder of the first run unless given'),
  title: z.string().optional().describe('heading of the page'),
})

export default verb({
  summary: 'write the curves, samples and keys of one or more runs as one self-contained HTML file',
  options,
  main: ['out', 'title'],
  words: 'runs',
  placeholders: { runs: 'RUN…', out: 'FILE' },
  example: [
    `echo '{"messages": [{"role": "user", "content": "Say hi."}, {"role": "assistant", "content": "Hi!"}]}' > chats.jsonl`,
    'hone train sft --model tiny --data chats.jsonl --out runs/sft',
    'hone report runs/sft --out report.html',
  ],
  async run({ runs, out = `${runs[0]}/report.html`, title }, terminal) {
    if ((await platform().stat(out))?.kind === 'folder') {
      throw new HoneError('E_EXISTS', `${out} is a folder, expected a file`, { help: `Try --out ${out}/report.html.` })
    }
    const page = await renderReport(runs, { title })
    await platform().makeFolder(parentPath(out))
    await platform().writeAtomic(out, page)
    terminal.print(`${baseName(out) === out ? `./${out}` : out}`)
    return { document: { report: out, runs } }
  },
})
