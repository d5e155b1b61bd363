import { compareAnswers, makeBandit } from '../envs/bandit.ts'
import {
  atLeast,
  atMost,
  type Bench,
  expectedReward,
  less,
  proof,
  recipe,
  type Settings,
  trainSettings,
  trainTable,
} from '../proofs/index.ts'

const flips = 0.4
const shared = [0.03, 0.1, 0.3].map((learningRate) => ({ beta: 0.1, learningRate }))
const free = [0.03, 0.1, 0.3].map((beta) => ({ beta, learningRate: 0.1 }))

/**
 * Robust DPO (Chowdhury et al. 2024, arXiv:2403.00409): DPO's loss corrected for a known share ε of pairs that are the
 * wrong way round. Label smoothing (cDPO) only shrinks the margin; the correction is unbiased.
 *
 * The proof is a policy that is a table, so that nothing but the loss differs between the arms. Preferences are drawn from
 * known rewards and 40 % of them flipped. The ranking of answers survives that; what suffers is how far the policy dares to
 * move, which its expected reward shows. β is the strength of the constraint that all arms answer to, so they share it; two
 * more arms choose it freely and are reported without a threshold: a smaller β lets plain DPO move as far.
 */
export default recipe({
  id: 'rdpo',
  reads: { pairs: 'pairs' },
  settings: trainSettings('rdpo'),
  run: ({ train, model, data, settings }) => train('rdpo', { model, data: data.pairs, ...settings }),

  proof: proof<Size>({
    claim:
      'At the same β, with 40 % of the preferences flipped, robust DPO reaches at least 0.05 more expected reward than DPO.',
    baseline: 'dpo',
    seeds: 10,
    pilots: 3,
    goal: 'reward',
    shrunk: 'nothing; rewards, which the paper leaves open, are standard normal.',
    objectives: ['rdpo', 'dpo', 'cdpo'],
    sizes: {
      full: { prompts: 64, answers: 6, comparisons: 20_000, steps: 300 },
      smoke: { prompts: 8, answers: 4, comparisons: 500, steps: 20 },
    },
    arms: {
      dpo: arm('dpo', shared),
      cdpo: arm('cdpo', shared, 0.4),
      'rdpo ε=0.2': arm('rdpo', shared, 0.2),
      rdpo: arm('rdpo', shared, 0.4),
      'dpo, free β': arm('dpo', free),
      'rdpo, free β': arm('rdpo', free, 0.4),
    },
    judge: ({ of }) => [
      atLeast('expected reward, rDPO less DPO', less(of('rdpo', 'reward'), of('dpo', 'reward')), 0.05, {
        beyond: 0,
        refutedAt: 0,
      }),
      atMost(
        'accuracy on clean pairs, distance of rDPO and DPO',
        less(of('rdpo', 'accuracy'), of('dpo', 'accuracy')).map(Math.abs),
        0.01,
      ),
    ],
  }),
})

interface Size {
  prompts: number
  answers: number
  comparisons: number
  steps: number
}

function arm(objective: 'dpo' | 'cdpo' | 'rdpo', trials: { beta: number; learningRate: number }[], epsilon?: number) {
  return {
    trials,
    async run({ seed, size }: Bench<Size>, { learningRate, beta }: Settings) {
      const bandit = makeBandit(seed, size.prompts, size.answers)
      const pairs = compareAnswers(bandit, { seed, count: size.comparisons, flips })
      const params = { beta, ...(epsilon !== undefined && { epsilon }) }
      const logits = await trainTable(objective, { ...size, pairs, params, learningRate: Number(learningRate) })
      const clean = compareAnswers(bandit, { seed: seed + 500, count: size.comparisons })
      const scoreOf = (prompt: number, answer: number) => logits[prompt * size.answers + answer]
      const right = clean.filter(({ prompt, better, worse }) => scoreOf(prompt, better) > scoreOf(prompt, worse))
      const total = (of: typeof clean) => of.reduce((sum, { count }) => sum + count, 0)
      return { reward: expectedReward(logits, bandit.rewards, size.answers), accuracy: total(right) / total(clean) }
    },
  }
}
