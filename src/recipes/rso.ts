import { z } from 'zod'
import { openModel } from '../engine/index.ts'
import { draws, many } from '../envs/draw.ts'
import { drawContent, drawReply, drawRequest, goldScore } from '../envs/replies.ts'
import { mean } from '../evaluate/index.ts'
import { answers, atLeast, type Bench, type Figures, less, proof, recipe, type Settings } from '../proofs/index.ts'
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
  { online }: Pick<Bench<Size>, 'online'>,
  given: { model: string; data: string | readonly unknown[]; grader: Grader },
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

const trials = [
  { rate: 1e-4, gamma: 0.1 },
  { rate: 2e-4, gamma: 1 },
  { rate: 4e-4, gamma: 1 },
]

/**
 * RSO (Liu et al. 2023, arXiv:2309.06657): of many answers of a tuned model those are kept that are about draws of the optimal
 * policy, by statistical rejection sampling under a reward model, which then also says which of two is the better.
 *
 * All arms of the proof see as many pairs and updates. The reward model has learnt from pairs a tenth of which is the wrong way
 * round; the hidden gold score measures.
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
    seeds: 2,
    pilots: 1,
    goal: 'gold',
    shrunk:
      'a model of 0.5 M parameters, replies of a few words; 32 answers a prompt, hinge losses at β = 0.5 alone and two seeds, as in the small form of the proof.',
    objectives: ['sft', 'reward', 'dpo', 'hinge', 'slic'],
    sizes: {
      full: { width: 96, layers: 4, texts: 20_000, pairs: 2000, prompts: 240, updates: 60, requests: 400, n: 32 },
      smoke: { width: 32, layers: 1, texts: 64, pairs: 16, prompts: 4, updates: 2, requests: 4, n: 9 },
    },
    bases: async ({ fresh, trained }, size) => {
      const data = many(size.texts, draws(0, 'rso/demonstrations'), (draw) => {
        const request = drawRequest(draw)
        return { prompt: request.prompt, completion: drawReply(draw, request, drawContent(draw)) }
      })
      const texts = data.map(({ prompt, completion }) => prompt + completion)
      const model = await fresh({ ...size, texts, vocabSize: 512, context: 64, seed: 0 })
      return { start: await trained('sft', { model, data, epochs: 1, batchSize: 32, learningRate: 3e-3 }) }
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
  /** That the reward model learns. */
  pairs: number
  prompts: number
  updates: number
  requests: number
  /** Answers drawn to a prompt. */
  n: number
}

const flips = 0.1

/** Demonstrated replies in pairs by gold score, a tenth of them the wrong way round. */
function drawPairs({ seed, size }: Bench<Size>) {
  return many(size.pairs, draws(seed, 'rso/pairs'), (draw) => {
    const request = drawRequest(draw)
    for (;;) {
      const [a, b] = [drawReply(draw, request, drawContent(draw)), drawReply(draw, request, drawContent(draw))]
      const lead = goldScore(request, a) - goldScore(request, b)
      if (lead === 0) continue
      const isFirst = lead > 0 !== draw.chance(flips)
      return { prompt: request.prompt, chosen: isFirst ? a : b, rejected: isFirst ? b : a }
    }
  })
}

function arm(own: Partial<Keys> | 'direct') {
  return {
    trials,
    async run(bench: Bench<Size>, { rate, gamma }: Settings): Promise<Figures> {
      const { seed, size, bases, models } = bench
      const start = bases['start']
      const pairs = drawPairs(bench)
      const tuned = { learningRate: Number(rate), beta: Number(gamma), batchSize: 32, seed }
      const direct = () =>
        bench.train('dpo', {
          ...{ model: start, data: pairs.slice(0, (size.prompts * kept) / 2), steps: size.updates, ...tuned },
        })
      const sampled = async (more: Partial<Keys>) => {
        const learning = { learningRate: 5e-4, epochs: 4, batchSize: 16, seed }
        const judge = await models.trained('reward', { model: start, data: pairs, ...learning })
        const data = many(size.prompts, draws(seed, 'rso/prompts'), (draw) => ({ prompt: drawRequest(draw).prompt }))
        const how = { n: size.n, accept: kept, maxTokens: 24, temperature: 1, steps: size.updates, seed }
        const settings = keys.parse({ ...how, ...more, rate, gamma })
        return withRewardModel(judge, (grader) => learn(bench, { model: start, data, grader }, settings))
      }
      const model = own === 'direct' ? await direct() : await sampled(own)
      const requests = many(size.requests, draws(seed, 'rso/requests'), (draw) => drawRequest(draw))
      const asked = requests.map(({ prompt }) => prompt)
      const scored = async (of: string) => {
        const drawn = await answers(of, asked, { maxTokens: 24, seed })
        const length = mean(drawn.map(({ tokens }) => tokens.length))
        return { gold: mean(drawn.map(({ text }, i) => goldScore(requests[i], text))), length }
      }
      return { ...(await scored(model)), startGold: (await scored(start)).gold }
    },
  }
}
