import { z } from 'zod'
import { HoneError, platform } from '../base/index.ts'
import { type Form, forms } from '../batch/index.ts'
import { openDataset, type Row, reshape } from '../data/index.ts'
import { verb } from './verb.ts'

const options = z.strictObject({
  data: z.string().describe('a file, a folder or a hub id'),
  to: z.enum(Object.keys(forms) as [Form]).describe('the form that the rows are to have'),
  out: z.string().describe('the JSONL file to write'),
  pairs: z
    .enum(['extremes', 'neighbours', 'all'])
    .default('extremes')
    .describe('which pairs a list of answers gives: best with worst, each with the next, or all'),
  threshold: z.number().optional().describe('scores from here on are good ones'),
  columns: z
    .record(z.string(), z.string())
    .default({})
    .describe("names of the data's columns: columns.prompt=question"),
  skipBad: z.boolean().default(false).describe('count bad rows and go on'),
  overwrite: z.boolean().default(false).describe('replace the file'),
})

export default verb({
  summary: 'turn rated, ranked, graded or compared answers into rows of another form',
  options,
  main: ['data', 'to', 'out', 'pairs', 'threshold', 'overwrite'],
  placeholders: { data: 'FILE', out: 'FILE' },
  example: [
    `echo '{"prompt": "Say hi.", "responses": ["Hi there!", "Hi!", "No."], "scores": [9, 7, 1]}' > graded.jsonl`,
    'hone data convert --data graded.jsonl --to pairs --out pairs.jsonl pairs=all',
  ],
  async run({ data, out, columns, skipBad, overwrite, ...how }, terminal) {
    if (!overwrite && (await platform().stat(out))) {
      throw new HoneError('E_EXISTS', `${out} exists`, { help: 'Choose another file, or replace it with --overwrite.' })
    }
    await using dataset = await openDataset(data, { columns, skipBad, signal: terminal.signal })
    const rows: Row[] = []
    let bad = dataset.skipped.total
    for (let first = 0; first < dataset.length; first += 256) {
      terminal.signal.throwIfAborted()
      const indices = Array.from({ length: Math.min(256, dataset.length - first) }, (_, i) => first + i)
      for (const row of await dataset.readMany(indices)) {
        if (!(row instanceof HoneError)) rows.push(row)
        else if (skipBad) bad++
        else throw row
      }
    }
    const { rows: made, leftOut } = reshape(rows, how)
    if (made.length === 0) throw new HoneError('E_EMPTY', `no row of ${data} gives ${how.to}`)
    await platform().writeAtomic(out, made.map((row) => `${JSON.stringify(row)}\n`).join(''))
    terminal.print(`${made.length} rows from ${rows.length}; ${leftOut} prompts gave none, ${bad} bad rows`)
    terminal.print(out)
    return { document: { out, rows: made.length, read: rows.length, left_out: leftOut, bad } }
  },
})
