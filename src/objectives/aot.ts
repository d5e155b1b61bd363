import { HoneError } from '../base/index.ts'
import { gather, scale, sub, type Tensor } from '../tensor/index.ts'
import { compared, implicitRewards, logistic } from './compare.ts'
import { objective } from './objective.ts'
import { logRatio, sequenceLogprobs } from './reductions.ts'
import type { Completions } from './views.ts'

/**
 * AOT (Melnyk et al. 2024, arXiv:2406.05882, eq. 9): not each pair's margin but their distribution over the batch shall
 * dominate the reference's: sorted margins are compared, the least with the least.
 */
export const aot = objective(
  {
    id: 'aot',
    summary: "Alignment by optimal transport: sorted margins of the batch against the reference's sorted margins.",
    source: 'arXiv:2406.05882, eq. 9',
    form: 'pairs',
    needs: ['reference'],
    params: { beta: 0.1, labelSmoothing: 0 },
    imitates: 'chosen',
    scope: 'batch',
  },
  async (views, { beta, labelSmoothing }) => {
    const { chosen, rejected } = views
    await refuseWeights(chosen)
    const margin = sub(sequenceLogprobs(chosen), sequenceLogprobs(rejected))
    const ahead = sub(logRatio(chosen), logRatio(rejected))
    const gap = sub(await sorted(margin), await sorted(sub(margin, ahead)))
    return compared(views, implicitRewards(views, beta), logistic(scale(gap, beta), labelSmoothing))
  },
)

/** AOT where better and worse answers are compared as two sets (eq. 5). */
export const aotUnpaired = objective(
  {
    id: 'aot-unpaired',
    summary: 'Alignment by optimal transport: sorted rewards of the better answers against those of the worse ones.',
    source: 'arXiv:2406.05882, eq. 5',
    form: 'pairs',
    needs: ['reference'],
    params: { beta: 0.1, labelSmoothing: 0 },
    imitates: 'chosen',
    scope: 'batch',
  },
  async (views, { beta, labelSmoothing }) => {
    await refuseWeights(views.chosen)
    const gap = sub(await sorted(logRatio(views.chosen)), await sorted(logRatio(views.rejected)))
    return compared(views, implicitRewards(views, beta), logistic(scale(gap, beta), labelSmoothing))
  },
)

/** Ascending, differentiable. */
async function sorted(x: Tensor): Promise<Tensor> {
  const values = await x.read()
  return gather(
    x,
    Int32Array.from(values.keys()).sort((i, j) => values[i] - values[j] || i - j),
  )
}

async function refuseWeights({ sequenceWeights }: Completions): Promise<void> {
  const odd = (await sequenceWeights.read()).find((weight) => weight !== 1)
  if (odd === undefined) return
  throw new HoneError('E_DATA', `a pair has the weight ${odd}: sorted margins of the batch belong to no single pair`, {
    help: 'Leave the column weight out, or take an objective that compares pair by pair.',
  })
}
