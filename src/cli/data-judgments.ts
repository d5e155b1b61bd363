import { z } from 'zod'
import { HoneError, platform } from '../base/index.ts'
import { judgeLessons } from '../rewards/index.ts'
import { judgeKeys } from './judge-open.ts'
import { readLabelled } from './labelled.ts'
import { verb } from './verb.ts'

const options = z.strictObject({
  pairs: z.array(z.string()).min(1).describe('rows {"prompt", "chosen", "rejected", "reference"?}'),
  out: z.string().describe('the JSONL file to write'),
  criteria: judgeKeys.criteria,
  rubric: judgeKeys.rubric,
  plain: z.boolean().default(false).describe('prompts and completions, for a model without a chat template'),
  seed: z.int().nonnegative().default(0).describe('draws which answer is A'),
  overwrite: z.boolean().default(false).describe('replace the file'),
})

export default verb({
  summary: `labelled pairs as questions whose answer is A or B: tuned on them a model becomes a judge of pairs (hone judge --local).
The better answer is B in one half of them; even pairs are left out. Give hone judge the same rubric and criteria`,
  options,
  main: ['out', 'criteria', 'rubric', 'plain', 'seed', 'overwrite'],
  words: 'pairs',
  placeholders: { pairs: 'PAIRS.jsonl', out: 'FILE.jsonl', rubric: 'FILE' },
  example: [
    `echo '{"prompt": "Say hello.", "chosen": "Hello!", "rejected": "No."}' > pairs.jsonl`,
    'hone data judgments pairs.jsonl --out judgments.jsonl',
    'hone train sft --model tiny --data judgments.jsonl --out runs/judge',
    'hone judge pairs.jsonl --local runs/judge',
  ],
  async run({ pairs, out, criteria, rubric, plain, seed, overwrite }, terminal) {
    if (!overwrite && (await platform().stat(out))) {
      throw new HoneError('E_EXISTS', `${out} exists`, { help: 'Choose another file, or replace it with --overwrite.' })
    }
    const own = rubric === undefined ? undefined : { pairwise: await platform().readText(rubric) }
    const labelled = await readLabelled(pairs, { seed, signal: terminal.signal })
    const rows = judgeLessons(labelled, { criteria, rubric: own, plain })
    const even = labelled.length - rows.length
    if (rows.length === 0) {
      throw new HoneError('E_EMPTY', `none of ${labelled.length} pairs has a better answer, expected at least one`)
    }
    await platform().writeAtomic(out, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
    terminal.print(`${rows.length} questions from ${labelled.length} pairs; ${even} were even`)
    terminal.print(out)
    return { document: { out, rows: rows.length, pairs: labelled.length, even } }
  },
})
