import { mul, neg, scale, sigmoid } from '../tensor/index.ts'
import { objective } from './objective.ts'
import { logRatio } from './reductions.ts'
import { rated, sign } from './unpaired.ts'

/** APO-zero on rated answers (D'Oosterlinck et al. 2024, arXiv:2408.06266, eq. 7, each side by itself). */
export const apoZeroUnpaired = objective(
  {
    id: 'apo-zero-unpaired',
    summary:
      'Anchored preference optimisation on rated answers: good ones up, bad ones down; KTO without its reference point.',
    source: 'arXiv:2408.06266, eq. 7',
    form: 'unpaired',
    needs: ['reference'],
    params: { beta: 0.1 },
  },
  ({ all }, { beta }) => {
    const reward = scale(logRatio(all), beta)
    return rated(all, reward, sigmoid(neg(mul(sign(all), reward))))
  },
)
