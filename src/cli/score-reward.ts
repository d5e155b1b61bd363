import { formatNumber, formatShare, platform } from '../base/index.ts'
import type { Dataset, Row } from '../data/index.ts'
import { type RewardMetrics, rewardMetrics } from '../evaluate/index.ts'
import { reliabilitySvg } from '../report/index.ts'
import { type EnsembleRule, ensemble, rewardScores, type ScoredAnswers } from '../rewards/index.ts'
import { type ModelKeys, openForVerb } from './model.ts'
import type { Terminal } from './terminal.ts'
import type { Outcome } from './verb.ts'

interface Keys extends Omit<ModelKeys, 'model'> {
  reward: readonly string[]
  ensemble: EnsembleRule
  lambda: number
  bins: number
  plot?: string
}

/** `hone score --reward`: the models one after another, so that one at a time is in memory. */
export async function scoreRewards(keys: Keys, dataset: Dataset, terminal: Terminal): Promise<Outcome> {
  const { reward, ensemble: rule, lambda, bins, plot } = keys
  const members: ScoredAnswers[][] = []
  for (const model of reward) {
    await using open = await openForVerb({ ...keys, model }, terminal)
    const rows: ScoredAnswers[] = []
    const onProgress = (done: number) => terminal.status(`${model}: ${done} of ${dataset.length} rows`)
    for await (const row of rewardScores(open, inOrder(dataset), { signal: terminal.signal, onProgress }))
      rows.push(row)
    members.push(rows)
    terminal.status('')
  }
  const scoresOf = (rows: ScoredAnswers[]) => rows.flatMap(({ answers }) => answers.map(({ score }) => score))
  const each = members.map(scoresOf)
  const together = ensemble(each, { rule, lambda })
  let at = 0
  const rows = members[0].map((row) => {
    const answers = row.answers.map(({ name, tokens }) => {
      const scores = each.map((list) => list[at])
      return { name, score: together[at++], scores, tokens }
    })
    return { ...row, answers }
  })
  for (const [index, { answers }] of rows.entries()) {
    const told = answers.map(({ name, score }) => `${name} ${formatNumber(score)}`)
    terminal.print(`row ${index + 1}: ${told.join(', ')}`)
  }
  const metrics = rewardMetrics(rows, { bins })
  for (const line of describe(metrics)) terminal.print(line)
  if (plot !== undefined && metrics.calibration) {
    const from = metrics.pairs ? 0.5 : 0
    const title = `Reliability of ${reward.length === 1 ? reward[0] : `${reward.length} reward models`}`
    await platform().writeAtomic(plot, reliabilitySvg(metrics.calibration.bins, title, { from }))
    terminal.print(plot)
  }
  const document = {
    models: reward,
    ...(reward.length > 1 && { ensemble: rule }),
    rows: rows.map(({ answers }) => ({ answers })),
    metrics: documented(metrics),
  }
  return { document }
}

function documented({ pairs, labels, calibration, length }: RewardMetrics) {
  const { correlation, longer, notLonger } = length
  return { pairs, labels, calibration, length: { correlation, longer, not_longer: notLonger } }
}

function describe({ pairs, labels, calibration, length }: RewardMetrics): string[] {
  const share = (figure: NonNullable<RewardMetrics['pairs']>) =>
    `${formatShare(figure.value)} (${formatShare(figure.low)} to ${formatShare(figure.high)}, n ${figure.n})`
  return [
    pairs && `pairs in order: ${share(pairs)}`,
    labels && `labels met: ${share(labels)}`,
    calibration && `expected calibration error: ${formatNumber(calibration.ece)}`,
    length.correlation !== null && `correlation of score and length: ${formatNumber(length.correlation)}`,
    length.longer && `pairs whose better answer is the longer: ${share(length.longer)}`,
    length.notLonger && `pairs whose better answer is not: ${share(length.notLonger)}`,
  ].filter((line) => typeof line === 'string')
}

export async function* inOrder(dataset: Dataset): AsyncGenerator<Row> {
  for (let index = 0; index < dataset.length; index++) yield await dataset.read(index)
}
