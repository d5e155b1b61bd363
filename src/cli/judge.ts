import { z } from 'zod'
import { formatNumber, formatShare, HoneError, parentPath, platform } from '../base/index.ts'
import type { Spent } from '../chat/index.ts'
import { evaluateJudge, type JudgeAgreement, type JudgedPairs, type LabelledPair } from '../evaluate/index.ts'
import { judgeKeys, openJudge } from './judge-open.ts'
import { readLabelled } from './labelled.ts'
import type { Terminal } from './terminal.ts'
import { verb } from './verb.ts'

const options = z.strictObject({
  ...judgeKeys,
  pairs: z.array(z.string()).min(1).describe('rows {"prompt", "chosen", "rejected", "reference"?}'),
  limit: z.int().positive().optional().describe('only the first so many pairs'),
  out: z.string().optional().describe('a JSONL file for the verdicts'),
  overwrite: z.boolean().default(false).describe('replace the file'),
})

export default verb({
  summary: `how far a judge agrees with labelled pairs: accuracy, Cohen's kappa, and whether the place of an answer counts.
The better answer stands second in one half of the pairs, drawn by the seed. A spent budget ends it with exit code 2, and what was judged is told`,
  options,
  main: [
    'endpoint',
    'model',
    'keyEnv',
    'local',
    'reward',
    'verifier',
    'ask',
    'limit',
    'requests',
    'tokens',
    'out',
    'seed',
  ],
  words: 'pairs',
  placeholders: {
    ...{
      pairs: 'PAIRS.jsonl',
      endpoint: 'URL',
      model: 'NAME',
      keyEnv: 'VARIABLE',
      local: 'MODEL',
      reward: 'MODEL|FILE.ts',
    },
    ...{ verifier: 'NAME', out: 'FILE.jsonl' },
  },
  example: [
    `echo '{"prompt": "Say hello.", "chosen": "Hello!", "rejected": "No."}' > pairs.jsonl`,
    'hone judge pairs.jsonl --local tiny',
  ],
  async run(keys, terminal) {
    const { out, overwrite, seed, limit } = keys
    if (out !== undefined && !overwrite && (await platform().stat(out))) {
      throw new HoneError('E_EXISTS', `${out} exists`, { help: 'Choose another file, or replace it with --overwrite.' })
    }
    const labelled = await readLabelled(keys.pairs, { limit, seed, signal: terminal.signal })
    await using opened = await openJudge(keys, terminal)
    const { judge, spent } = opened
    const result = await evaluateJudge(judge, labelled, {
      signal: terminal.signal,
      onProgress: (done, total) => terminal.status(`${judge.id}: ${done} of ${total} questions`),
    })
    terminal.status('')
    const rows = verdictRows(labelled, result)
    if (out !== undefined) {
      await platform().makeFolder(parentPath(out))
      await platform().writeAtomic(out, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
    }
    tell(result, labelled.length, terminal)
    if (spent) {
      const tokens = spent.promptTokens + spent.completionTokens
      terminal.print(`${spent.requests} requests, ${tokens} tokens, ${spent.cached} answers from the cache`)
    }
    if (out !== undefined) terminal.print(out)
    const { status, judged, agreement } = result
    const document = {
      ...{ judge: judge.id, how: judge.kinds.pairwise, status, pairs: labelled.length, judged },
      agreement,
      ...(spent && { spent: documented(spent) }),
      verdicts: rows,
    }
    return { document, exitCode: status === 'done' ? 0 : 2 }
  },
})

function verdictRows(labelled: readonly LabelledPair[], { verdicts }: JudgedPairs) {
  return verdicts.map((one, i) => {
    const { line, label, pair } = labelled[i]
    const { prompt, answers } = pair
    if (one instanceof HoneError) {
      return { line, prompt, answers, label, verdict: null, error: { code: one.code, message: one.message } }
    }
    const { verdict, orders, chance, why } = one
    return { line, prompt, answers, label, verdict, orders, chance: chance ?? null, why: why ?? null, error: null }
  })
}

function tell({ verdicts, agreement, judged, status }: JudgedPairs, pairs: number, terminal: Terminal): void {
  for (const line of agreement ? describe(agreement) : []) terminal.print(line)
  if (status === 'done') return
  const failed = verdicts.filter((one) => one instanceof HoneError)
  const [last] = failed.filter(({ code }) => code === status)
  terminal.warn(`${pairs - judged} of ${pairs} pairs were not judged: ${last.message}`)
  if (last.help) terminal.warn(`help: ${last.help}`)
}

function describe({ accuracy, kappa, ties, position }: JudgeAgreement): string[] {
  const share = (figure: JudgeAgreement['accuracy']) =>
    `${formatShare(figure.value)} (${formatShare(figure.low)} to ${formatShare(figure.high)}, n ${figure.n})`
  return [
    `agreement: ${share(accuracy)}`,
    `Cohen's kappa: ${formatNumber(kappa)}`,
    `ties: ${share(ties)}`,
    position && `verdicts that change with the order: ${share(position.contradictory)}`,
    position?.first && `decisions for the answer shown first: ${share(position.first)}`,
  ].filter((line) => typeof line === 'string')
}

const documented = ({ requests, promptTokens, completionTokens, cached }: Spent) => ({
  requests,
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  cached,
})
