import { random } from '../base/index.ts'
import { compareAnswers, makeBandit } from '../envs/bandit.ts'
import {
  atLeast,
  atMost,
  type Bench,
  expectedReward,
  less,
  logSoftmax,
  proof,
  recipe,
  type Settings,
  trainSettings,
  trainTable,
} from '../proofs/index.ts'

/**
 * Regularised preference optimisation (Liu et al. 2024, arXiv:2405.16436): DPO and an imitation of the better answers, which
 * the paper derives as the best policy against the least favourable reward that the preferences allow.
 *
 * The proof is a policy with linear features. Preferences cover 8 of 20 answers, those that the reference would give; the
 * others are bad, and no preference says so. What DPO learns of the covered answers moves the others too, wherever their
 * features point, and in a long training some of them end up on top. Imitation says which answers to keep to.
 */
export default recipe({
  id: 'rpo-sft',
  reads: { pairs: 'pairs' },
  settings: trainSettings('rpo-sft'),
  run: ({ train, model, data, settings }) => train('rpo-sft', { model, data: data.pairs, ...settings }),

  proof: proof<Size>({
    claim:
      'In a long training DPO makes the better answers less likely than at the start and loses reward after a peak; RPO keeps them likelier than DPO does and ends with at least a tenth of the range of rewards more.',
    baseline: 'η=0',
    seeds: 5,
    pilots: 2,
    goal: 'reward',
    shrunk: 'the table alone, 8 prompts.',
    objectives: ['rpo-sft', 'dpo'],
    sizes: {
      full: { prompts: 8, answers: 20, covered: 8, features: 12, comparisons: 20_000, steps: 1500 },
      smoke: { prompts: 2, answers: 6, covered: 3, features: 4, comparisons: 200, steps: 20 },
    },
    arms: Object.fromEntries([0, 1e-3, 5e-3, 2e-2, 0.1].map((eta) => [`η=${eta}`, arm(eta)])),
    judge: ({ of }) => {
      const [dpo, rpo] = ['η=0', 'η=0.02']
      return [
        atMost('log-prob of the better answers, DPO less start', of(dpo, 'better'), 0, { beyond: 0 }),
        atLeast('reward, peak of DPO less its end', less(of(dpo, 'peak'), of(dpo, 'reward')), 0, { beyond: 0 }),
        atLeast('log-prob of the better answers, RPO less DPO', less(of(rpo, 'better'), of(dpo, 'better')), 0, {
          beyond: 0,
        }),
        atLeast('reward at the end, RPO less DPO, in ranges', less(of(rpo, 'reward'), of(dpo, 'reward')), 0.1, {
          beyond: 0,
          refutedAt: 0,
        }),
      ]
    },
  }),
})

interface Size {
  prompts: number
  answers: number
  /** Answers of each prompt that are compared. */
  covered: number
  /** Of each answer. */
  features: number
  comparisons: number
  steps: number
}

/** What the reference gives an answer that no preference covers, in nats below the others. */
const rare = 4
/** What such an answer's reward lies below the others' on average. */
const worse = 2

function arm(eta: number) {
  return {
    trials: [0.01, 0.03].flatMap((learningRate) => [0.03, 0.1].map((beta) => ({ learningRate, beta }))),
    async run({ seed, size }: Bench<Size>, { learningRate, beta }: Settings) {
      const { prompts, answers, covered } = size
      const isCovered = (place: number) => place % answers < covered
      const drawn = makeBandit(seed, prompts, answers)
      const bandit = { ...drawn, rewards: drawn.rewards.map((r, place) => (isCovered(place) ? r : r - worse)) }
      const pairs = compareAnswers(bandit, { seed, count: size.comparisons, covered })
      const { normal } = random(seed, 'rpo-sft/features')
      const shape = prompts * answers * size.features
      const features = Float64Array.from({ length: shape }, (_, i) => normal(i) / Math.sqrt(size.features))
      const start = Float64Array.from({ length: prompts * answers }, (_, place) => (isCovered(place) ? 0 : -rare))

      // Rewards in units of their range, prompt by prompt.
      const scaled = bandit.rewards.map((r, place) => {
        const from = place - (place % answers)
        const own = bandit.rewards.subarray(from, from + answers)
        return (r - Math.min(...own)) / (Math.max(...own) - Math.min(...own))
      })
      const weight = pairs.reduce((sum, { count }) => sum + count, 0)
      const better = (logits: Float64Array) => {
        const all = logSoftmax(logits, answers)
        return (
          pairs.reduce((sum, { prompt, better, count }) => sum + count * all[prompt * answers + better], 0) / weight
        )
      }
      let peak = Number.NEGATIVE_INFINITY
      const logits = await trainTable('rpo-sft', {
        ...{ prompts, answers, pairs, features, start, steps: size.steps, learningRate: Number(learningRate) },
        params: { beta: Number(beta), eta },
        onStep: (_, now) => {
          peak = Math.max(peak, expectedReward(now, scaled, answers))
        },
      })
      const [policy, reference] = [logSoftmax(logits, answers), logSoftmax(start, answers)]
      const summed = (of: (place: number) => number) =>
        policy.reduce((sum, logprob, place) => sum + Math.exp(logprob) * of(place), 0) / prompts
      return {
        reward: expectedReward(logits, scaled, answers),
        peak,
        better: better(logits) - better(start),
        uncovered: summed((place) => Number(!isCovered(place))),
        kl: summed((place) => policy[place] - reference[place]),
      }
    },
  }
}
