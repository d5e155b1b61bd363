import { draws, many } from '../envs/draw.ts'
import { drawContent, drawReply, drawReplyPair, drawRequest, goldScore } from '../envs/replies.ts'
import {
  answers,
  atLeast,
  atMost,
  type Bench,
  less,
  over,
  proof,
  recipe,
  type Settings,
  trainSettings,
} from '../proofs/index.ts'

/**
 * LN-DPO (Ahrabian et al. 2024, arXiv:2407.15229): DPO with each log-ratio divided by its answer's tokens, so that an
 * answer gains nothing from being long.
 *
 * The proof's pairs prefer the better reply, which fillers also make 1.6 times as long: length and quality are confounded.
 * Both losses are trained over a whole grid of β from one model and answer requests of another distribution. LN-DPO has to
 * be shorter at equal quality, and its quality to depend less on β: the paper's complaint is comparing at one point.
 */
export default recipe({
  id: 'ln-dpo',
  reads: { pairs: 'pairs' },
  settings: trainSettings('ln-dpo'),
  run: ({ train, model, data, settings }) => train('ln-dpo', { model, data: data.pairs, ...settings }),

  proof: proof<Size>({
    claim:
      "LN-DPO's replies are at most 0.85 times as long as DPO's with a gold score within 0.02, and its score varies less over the grid of β.",
    baseline: 'dpo',
    seeds: 3,
    pilots: 1,
    goal: 'gold',
    shrunk:
      '800 pairs. A second design, on new draws: the first had 4 β by 2 lower rates, and LN-DPO chose both at the edge of its grid.',
    objectives: ['ln-dpo', 'dpo', 'sft'],
    sizes: {
      full: { width: 96, layers: 3, demonstrations: 40_000, pairs: 800, epochs: 2, requests: 300, betas: 6 },
      smoke: { width: 32, layers: 1, demonstrations: 64, pairs: 16, epochs: 1, requests: 8, betas: 2 },
    },
    bases: async ({ fresh, trained }, size) => {
      const data = demonstrations(size.demonstrations)
      const texts = data.map(({ prompt, completion }) => prompt + completion)
      const start = await fresh({ ...size, texts, vocabSize: 512, context: 64, seed: 0 })
      const first = { model: start, data, epochs: 1, batchSize: 32, learningRate: 3e-3 } as const
      return { sft: await trained('sft', first) }
    },
    arms: {
      dpo: arm('dpo', [0.03, 0.1, 0.3, 1, 3, 10]),
      // Times the ten or so tokens of a reply: the same push at the start.
      'ln-dpo': arm('ln-dpo', [1, 3, 10, 30, 100, 300]),
    },
    judge: ({ of }) => [
      atMost('length, LN-DPO over DPO', over(of('ln-dpo', 'length'), of('dpo', 'length')), 0.85, {
        beyond: 1,
        refutedAt: 1,
      }),
      atLeast('gold score, LN-DPO less DPO', less(of('ln-dpo', 'gold'), of('dpo', 'gold')), -0.02, {
        refutedAt: -0.05,
      }),
      atMost('spread of gold over β, LN-DPO less DPO', less(of('ln-dpo', 'spread'), of('dpo', 'spread')), 0, {
        beyond: 0,
      }),
    ],
  }),
})

interface Size {
  width: number
  layers: number
  demonstrations: number
  pairs: number
  epochs: number
  requests: number
  /** Points of the grid of β. */
  betas: number
}

/** Replies of middling quality to requests of both distributions: a tuned model that knows how to reply. */
const demonstrations = (count: number) =>
  many(count, draws(0, 'ln-dpo/demonstrations'), (draw) => {
    const request = drawRequest(draw, draw.chance(0.5))
    return { prompt: request.prompt, completion: drawReply(draw, request, drawContent(draw)) }
  })

/** Trains at β and, once settings are chosen, at every other point of the grid for the spread. */
function arm(objective: 'dpo' | 'ln-dpo', grid: readonly number[]) {
  return {
    trials: [1e-4, 3e-4].flatMap((learningRate) => grid.map((beta) => ({ beta, learningRate }))),
    async run(bench: Bench<Size>, { beta: chosen, learningRate }: Settings) {
      const { seed, size, bases, isPilot, train } = bench
      const data = many(size.pairs, draws(seed, 'ln-dpo/pairs, second'), (draw) => drawReplyPair(draw, 1.6))
      const requests = many(size.requests, draws(seed, 'ln-dpo/requests, second'), (draw) => drawRequest(draw, true))
      const measure = async (beta: number) => {
        const shared = { model: bases['sft'], data, epochs: size.epochs, seed, learningRate: Number(learningRate) }
        const model = await train(objective, { ...shared, beta })
        const replies = await answers(
          model,
          requests.map(({ prompt }) => prompt),
          { maxTokens: 32, seed },
        )
        const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length
        return {
          gold: mean(replies.map(({ text }, i) => goldScore(requests[i], text))),
          length: mean(replies.map(({ tokens }) => tokens.length)),
        }
      }
      const best = await measure(Number(chosen))
      if (isPilot) return best
      const golds = [best.gold]
      for (const beta of grid.slice(0, size.betas)) if (beta !== chosen) golds.push((await measure(beta)).gold)
      return { ...best, spread: Math.max(...golds) - Math.min(...golds) }
    },
  }
}
