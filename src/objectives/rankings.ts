import { add, detach, exp, gather, mul, scale, segmentSum, softplus, sub, type Tensor } from '../tensor/index.ts'
import { objective } from './objective.ts'
import { logRatio, mean } from './reductions.ts'
import type { Views } from './views.ts'

/**
 * DPO over rankings (Rafailov et al. 2023, arXiv:2305.18290, appendix A.3) under the Plackett–Luce model: at each place the
 * answer that stands there is chosen among those that are left. With two answers it is DPO.
 */
export const plackettLuce = objective(
  {
    id: 'plackett-luce',
    summary: 'DPO over rankings of any length: each place goes to its answer, among those that are left.',
    source: 'arXiv:2305.18290, eq. 20',
    form: 'rankings',
    needs: ['reference'],
    params: { beta: 0.1 },
    imitates: 'best',
  },
  (views, { beta }) => {
    const reward = scale(logRatio(views.all), beta)
    const { steps } = logSums(views, reward)
    const each = steps.reduce((sum, { rows, own, rest }) => {
      return add(sum, segmentSum(softplus(sub(rest, own)), rows, views.rows.length))
    }, zeros(views))
    return ranked(views, reward, each)
  },
)

/**
 * InfoNCA (Chen et al. 2024, arXiv:2402.05369, eq. 7): cross-entropy between the soft-max of the answers' scores and that of
 * their implicit rewards. At a low temperature only the best answer counts.
 */
export const infonca = objective(
  {
    id: 'infonca',
    summary: 'Learns from graded answers: the soft-max of implicit rewards is to match that of the scores.',
    source: 'arXiv:2402.05369, eq. 7',
    form: 'rankings',
    needs: ['reference', 'score'],
    params: { beta: 0.1, temperature: 1 },
    imitates: 'best',
  },
  (views, { beta, temperature }) => {
    const { all, rows } = views
    const reward = scale(logRatio(all), beta)
    const score = scale(all.value('score'), 1 / temperature)
    const row = new Int32Array(all.count)
    for (const [r, sequences] of rows.entries()) for (const sequence of sequences) row[sequence] = r
    const share = exp(sub(score, gather(logSums(views, score).whole, row)))
    const surprise = sub(gather(logSums(views, reward).whole, row), reward)
    return ranked(views, reward, segmentSum(mul(share, surprise), row, rows.length))
  },
)

const zeros = ({ scope, rows }: Views) => scope.from(new Float64Array(rows.length))

/** From the last place to the first: the rows that have it, their x there, and log Σ eˣ over the places after it. */
function logSums(views: Views, x: Tensor) {
  const { rows, scope } = views
  const longest = rows.reduce((most, { length }) => Math.max(most, length), 0)
  // Beside any reward e to this power is nothing, and softplus of the difference exact.
  let whole = add(zeros(views), -1e30)
  const steps: { rows: Int32Array; own: Tensor; rest: Tensor }[] = []
  for (let place = longest - 1; place >= 0; place--) {
    const having = Int32Array.from(rows.keys()).filter((r) => rows[r].length > place)
    const own = gather(
      x,
      having.map((r) => rows[r][place]),
    )
    const rest = gather(whole, having)
    steps.push({ rows: having, own, rest })
    const without = scope.from(Float64Array.from(rows, ({ length }) => (length > place ? 0 : 1)))
    whole = add(segmentSum(add(own, softplus(sub(rest, own))), having, rows.length), mul(without, whole))
  }
  return { whole, steps }
}

/** A loss per row [R] as its mean, with the rewards of the best answer and of the one after it. */
function ranked(views: Views, reward: Tensor, each: Tensor) {
  const best = views.at(0)
  const second = gather(
    detach(reward),
    Int32Array.from(views.rows, ([, sequence]) => sequence),
  )
  const first = gather(
    detach(reward),
    Int32Array.from(views.rows, ([sequence]) => sequence),
  )
  return {
    loss: mean(best, each),
    metrics: { margin: mean(best, sub(first, second)), bestReward: mean(best, first) },
  }
}
