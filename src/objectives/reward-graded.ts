import { HoneError } from '../base/index.ts'
import { square, sub } from '../tensor/index.ts'
import { objective } from './objective.ts'
import { mean } from './reductions.ts'
import { crossEntropy, scoreFigures } from './scores.ts'

/**
 * Regression on a grade: (r − y)², or the cross-entropy of σ(r) with a grade from 0 to 1. Grades of helpfulness are learnt so
 * in HelpSteer (Wang et al. 2023, arXiv:2311.09528) and its regression reward models.
 */
export const rewardGraded = objective(
  {
    id: 'reward-graded',
    summary: 'Reward model: the score is to be the grade that came with the answer.',
    source: 'least squares; arXiv:2311.09528',
    form: 'demonstrations',
    needs: ['score'],
    reads: 'score',
    params: { regression: 'squared' },
  },
  async (views, { regression }) => {
    const { all } = views
    const grade = all.value('score')
    if (regression === 'squared') {
      return { loss: mean(all, square(sub(all.scores, grade))), metrics: scoreFigures(all) }
    }
    const outside = Array.from(await grade.read(), Number).find((y) => y < 0 || y > 1)
    if (outside !== undefined) {
      throw new HoneError('E_DATA', `a score is ${outside}, expected 0 … 1 for the regression 'cross-entropy'`, {
        help: 'Scale the scores to 0 … 1, or take regression=squared.',
      })
    }
    return { loss: mean(all, crossEntropy(all.scores, grade)), metrics: scoreFigures(all) }
  },
)
