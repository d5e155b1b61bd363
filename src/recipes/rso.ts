import { z } from 'zod'
import { openModel } from '../engine/index.ts'
import { draws, many } from '../envs/draw.ts'
import { askFor, askForAll, type Complaint, drawComplaint, drawRemedy } from '../envs/remedies.ts'
import { mean } from '../evaluate/index.ts'
import {
  atLeast,
  type Bench,
  type Figures,
  less,
  logprobsOf,
  proof,
  recipe,
  type Settings,
  type Verbs,
} from '../proofs/index.ts'
import { type Grader, judgeGrader, rewardModelJudge } from '../rewards/index.ts'

const count = z.int().positive()
const rate = z.number().positive()

/** The losses of the paper: DPO's, the hinge on its rewards, and SLiC's without a reference. */
const losses = { 'sigmoid-norm': 'dpo', 'hinge-norm': 'hinge', hinge: 'slic' } as const
type Loss = keyof typeof losses

const keys = z.strictObject({
  loss: z
    .enum(Object.keys(losses) as [Loss])
    .default('sigmoid-norm')
    .describe('on the pairs'),
  rewardRate: rate.default(1e-5).describe('peak learning rate of the reward model'),
  rate: rate.default(1e-5).describe('peak learning rate on the pairs of its own answers'),
  gamma: rate.default(0.05).describe('scale of the loss (γ); the beta of DPO'),
  n: count.default(64).describe('answers drawn to each prompt (M)'),
  accept: count.nullable().default(8).describe('of which rejection sampling keeps (K); null: all'),
  acceptTemperature: rate.default(0.5).describe('of rejection sampling: the smaller, the more the reward counts (β)'),
  maxTokens: count.default(128).describe('tokens of an answer at most'),
  temperature: rate.default(0.7).describe('of the draws'),
  epochs: rate.default(1).describe('passes over each set of pairs'),
  steps: count.nullable().default(null).describe('updates on the pairs of its own answers; overrides epochs'),
  batchSize: count.default(32).describe('pairs per update'),
  seed: z.int().nonnegative().default(0).describe('of everything that is drawn'),
})

type Keys = z.output<typeof keys>

/** One round of drawing, keeping and learning, under a grader. */
function learn(
  { online }: Pick<Verbs, 'online'>,
  given: Parameters<Verbs['online']>[1],
  { loss, rate: learningRate, gamma: beta, steps, rewardRate: _, ...own }: Keys,
): Promise<string> {
  const pairs = { rounds: 1, pairing: 'in-twos', stepsPerRound: steps } as const
  return online(losses[loss], { ...given, ...own, ...pairs, learningRate, beta })
}

async function withRewardModel<T>(folder: string, use: (grader: Grader) => Promise<T>): Promise<T> {
  await using open = await openModel(folder)
  return await use(judgeGrader(rewardModelJudge([open])))
}

/** Answers of a prompt that become pairs. */
const kept = 8

/**
 * The plain gradient. Adam moves words that no answer has as far as those that answers have, and where probability is taken from
 * both answers of a pair much of it then goes to such words.
 */
const descent = { optimizer: 'sgd', schedule: 'constant', warmup: 0 } as const
const trials = [0.5, 1, 2].flatMap((rate) => [0.1, 0.3, 1].map((gamma) => ({ rate, gamma })))

/**
 * RSO (Liu et al. 2023, arXiv:2309.06657): of many answers of a tuned model those are kept that are about draws of the optimal
 * policy, by statistical rejection sampling under a reward model, which then also says which of two is the better.
 *
 * All arms of the proof see pairs of as many answers and make as many updates. The best answer to a prompt is rare among those
 * of the start, more so for some prompts than for others. Few plain answers thus tell of it; of the very best ones, where it is
 * less rare, all are the same, and equal ones make no pair. The given pairs are of people who name rare answers oftener than the
 * start does, preferred with the odds of Bradley and Terry; the reward model has learnt from many more of them. The hidden worth
 * of each answer measures, in expectation over all that the model may answer.
 */
export default recipe({
  id: 'rso',
  reads: { pairs: 'pairs', prompts: 'prompts' },
  settings: keys,
  async run({ train, online, model, data, settings }) {
    const { rewardRate: learningRate, epochs, batchSize, seed } = settings
    const reward = { stage: 'reward', model, data: data.pairs, learningRate, epochs, batchSize, seed }
    return withRewardModel(await train('reward', reward), (grader) =>
      learn({ online }, { model, data: data.prompts, grader }, settings),
    )
  },

  proof: proof<Size>({
    claim:
      'With as many pairs and updates, pairs of rejection-sampled answers give a gold score at least 0.05 above that of pairs of plain answers of the start, and those one no less than given pairs; of three temperatures of the sampling the middle one is the best.',
    baseline: 'sft-sample',
    seeds: 5,
    pilots: 2,
    goal: 'gold',
    shrunk:
      'a model of 0.1 M parameters, answers of one word, a reward model on 40,000 pairs; hinge losses at β = 0.5 alone, as in the small form of the proof. A third design, on new draws. In the first the start was of middling quality and the given pairs, a tenth of them the wrong way round, were of its own kind: given pairs reached a gold score of 0.57, plain answers 0.45, RSO 0.40, 0.42 and 0.45 at β = 0.1, 0.5 and 2 (two seeds; refuted). Plain pairs told there all that was to be learnt, in wider gaps than those of the answers that sampling keeps. The second, with six words to choose in a reply and evasions in most of them, was recorded and given up: RSO led by 0.015 (-0.064 to 0.094; five seeds), and β = 2 was as good. Adam drove many of its answers out of all form.',
    objectives: ['sft', 'reward', 'dpo', 'hinge', 'slic'],
    sizes: {
      full: { width: 64, layers: 2, texts: 30_000, complaints: 30, pairs: 40_000, prompts: 180, updates: 240, n: 64 },
      smoke: { width: 32, layers: 1, texts: 64, complaints: 4, pairs: 16, prompts: 4, updates: 2, n: 9 },
    },
    bases: async ({ fresh }, size) => {
      const texts = many(size.texts, draws(0, 'rso, third/texts'), (draw) => {
        const complaint = drawComplaint(draw, draw.below(size.complaints))
        return askFor(draw, complaint) + drawRemedy(draw, complaint).text
      })
      return { fresh: await fresh({ ...size, texts, vocabSize: 420, context: 64, seed: 0 }) }
    },
    arms: {
      direct: arm('direct'),
      'sft-sample': arm({ n: kept, accept: null }),
      'rso, β=0.1': arm({ acceptTemperature: 0.1 }),
      'rso, β=0.5': arm({ acceptTemperature: 0.5 }),
      'rso, β=2': arm({ acceptTemperature: 2 }),
      'sft-sample, hinge-norm': arm({ n: kept, accept: null, loss: 'hinge-norm' }),
      'rso, β=0.5, hinge-norm': arm({ acceptTemperature: 0.5, loss: 'hinge-norm' }),
      'sft-sample, hinge': arm({ n: kept, accept: null, loss: 'hinge' }),
      'rso, β=0.5, hinge': arm({ acceptTemperature: 0.5, loss: 'hinge' }),
    },
    judge: ({ of }) => {
      const gold = (name: string) => of(name, 'gold')
      const rso = gold('rso, β=0.5')
      const leads = ['', ', hinge-norm', ', hinge'].map((loss) =>
        less(gold(`rso, β=0.5${loss}`), gold(`sft-sample${loss}`)),
      )
      // Of the three losses that with the greatest mean lead.
      const most = leads.reduce((best, lead) => (mean(lead) > mean(best) ? lead : best))
      return [
        atLeast('gold score, RSO less plain answers', leads[0], 0.05, { beyond: 0 }),
        atLeast('gold score, plain answers less given pairs', less(gold('sft-sample'), gold('direct')), 0),
        atLeast('gold score, RSO less plain answers, with the loss of the greatest lead', most, 0, { refutedAt: 0 }),
        ...['rso, β=0.1', 'rso, β=2'].map((name) =>
          atLeast(`gold score, β = 0.5 less ${name}`, less(rso, gold(name)), 0),
        ),
      ]
    },
  }),
})

interface Size {
  width: number
  layers: number
  texts: number
  complaints: number
  /** That the reward model learns. */
  pairs: number
  prompts: number
  updates: number
  /** Answers drawn to a prompt. */
  n: number
}

/** Log-odds that an answer of worth 1 is preferred to one of worth 0. */
const sharpness = 2

/** Every seed has complaints of its own, and a start that has read of them. */
async function world({ seed, size, bases, models }: Bench<Size>) {
  const stream = draws(seed, 'rso, third/complaints')
  const complaints = Array.from({ length: size.complaints }, (_, i) => drawComplaint(stream(i), i))
  const data = many(size.texts, draws(seed, 'rso, third/demonstrations'), (draw) => {
    const complaint = draw.pick(complaints)
    return { prompt: askFor(draw, complaint), completion: drawRemedy(draw, complaint).text }
  })
  const learning = { epochs: 1, batchSize: 32, learningRate: 3e-3, seed }
  return { complaints, start: await models.trained('sft', { model: bases['fresh'], data, ...learning }) }
}

function drawPairs({ seed, size }: Bench<Size>, complaints: readonly Complaint[]) {
  return many(size.pairs, draws(seed, 'rso, third/pairs'), (draw) => {
    const complaint = draw.pick(complaints)
    for (;;) {
      const [a, b] = [drawRemedy(draw, complaint, 0.5), drawRemedy(draw, complaint, 0.5)]
      if (a === b) continue
      const isFirst = draw.chance(1 / (1 + Math.exp(sharpness * (b.worth - a.worth))))
      const [chosen, rejected] = isFirst ? [a.text, b.text] : [b.text, a.text]
      return { prompt: askFor(draw, complaint), chosen, rejected }
    }
  })
}

/** Expected worth of an answer (what is no remedy is worth nothing), and the probability of a remedy and of the best one. */
async function measured(model: string, complaints: readonly Complaint[]) {
  const rows = complaints.flatMap((complaint) =>
    askForAll(complaint).flatMap((prompt) =>
      complaint.remedies.map(({ text, worth }) => ({ prompt, completion: text, worth })),
    ),
  )
  const chances = (await logprobsOf(model, rows)).map(({ sum }) => Math.exp(sum))
  const prompts = rows.filter(({ worth }) => worth === 1).length
  const over = (of: (worth: number) => number) =>
    chances.reduce((sum, chance, i) => sum + chance * of(rows[i].worth), 0) / prompts
  return { gold: over((worth) => worth), remedy: over(() => 1), best: over((worth) => Number(worth === 1)) }
}

function arm(own: Partial<Keys> | 'direct') {
  return {
    trials,
    async run(bench: Bench<Size>, { rate, gamma }: Settings): Promise<Figures> {
      const { seed, size, models } = bench
      const { complaints, start } = await world(bench)
      const pairs = drawPairs(bench, complaints)
      const direct = () => {
        const data = pairs.slice(0, (size.prompts * kept) / 2)
        const tuned = { learningRate: Number(rate), beta: Number(gamma), batchSize: 32, steps: size.updates, seed }
        return bench.train('dpo', { model: start, data, ...tuned, ...descent })
      }
      const sampled = async (more: Partial<Keys>) => {
        const learning = { learningRate: 5e-4, epochs: 8, batchSize: 32, seed }
        const judge = await models.trained('reward', { model: start, data: pairs, ...learning })
        const data = many(size.prompts, draws(seed, 'rso, third/prompts'), (draw) => ({
          prompt: askFor(draw, draw.pick(complaints)),
        }))
        const how = { n: size.n, accept: kept, maxTokens: 12, temperature: 1, steps: size.updates, seed }
        const settings = keys.parse({ ...how, ...more, rate, gamma })
        return withRewardModel(judge, (grader) => learn(bench, { model: start, data, grader, ...descent }, settings))
      }
      const model = own === 'direct' ? await direct() : await sampled(own)
      const { gold: startGold, best: startBest } = await measured(start, complaints)
      return { ...(await measured(model, complaints)), startGold, startBest }
    },
  }
}
