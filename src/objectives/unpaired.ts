import { detach, mul, sub, type Tensor } from '../tensor/index.ts'
import type { ObjectiveValue } from './objective.ts'
import { mean } from './reductions.ts'
import type { Completions } from './views.ts'

/** [N] 1 for a good answer, −1 for a bad one. */
export const sign = (answers: Completions): Tensor => sub(mul(2, answers.value('label')), 1)

/** A loss over rated answers as its mean, with the figures that all of them report. */
export function rated(answers: Completions, reward: Tensor, loss: Tensor): ObjectiveValue {
  const label = answers.value('label')
  const detached = detach(reward)
  return {
    loss: mean(answers, loss),
    metrics: {
      // Shares of the mean over all answers, good and bad: their difference says whether the two part.
      goodReward: mean(answers, mul(label, detached)),
      badReward: mean(answers, mul(sub(1, label), detached)),
    },
  }
}
