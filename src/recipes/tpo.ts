import { draws, many } from '../envs/draw.ts'
import { drawCandidates, drawContent, drawReply, drawRequest, goldScore } from '../envs/replies.ts'
import { mean } from '../evaluate/index.ts'
import {
  answers,
  atLeast,
  atMost,
  type Bench,
  less,
  logprobsOf,
  proof,
  recipe,
  type Settings,
  trainSettings,
} from '../proofs/index.ts'

const rates = [1e-3, 2e-3, 3e-3, 6e-3].map((learningRate) => ({ learningRate }))
const grid = (rates: readonly number[], betas: readonly number[]) =>
  rates.flatMap((learningRate) => betas.map((beta) => ({ learningRate, beta })))
const contrast = grid([1e-3, 3e-3], [0.02, 0.05])

/**
 * Triple preference optimisation (Saeidi et al. 2024, arXiv:2405.16681): one stage from a base model. Of three answers the
 * best is imitated, and the second is preferred to the worst without a reference.
 *
 * The proof's base has read replies but was never asked for one. All arms get the same prompts, the four graded replies of
 * each, and as many updates. Imitation can become no better than the best replies are on average; the contrast also says
 * which words to avoid. Without imitation nothing keeps the likelihood of good replies from falling with that of bad ones.
 */
export default recipe({
  id: 'tpo',
  reads: { triples: 'triples' },
  settings: trainSettings('tpo'),
  run: ({ train, model, data, settings }) => train('tpo', { model, data: data.triples, ...settings }),

  proof: proof<Size>({
    claim:
      'From a base model TPO gives replies of a higher gold score than SFT on the best replies, and at most 0.01 less than SFT and then DPO in as many updates; without its SFT term the best replies become less likely than at the start.',
    baseline: 'sft',
    seeds: 3,
    pilots: 1,
    goal: 'gold',
    shrunk: 'a model of 0.3 M parameters.',
    objectives: ['tpo', 'sft', 'dpo', 'cpo'],
    sizes: {
      full: { width: 96, layers: 3, texts: 20_000, prompts: 3000, updates: 200, requests: 300 },
      smoke: { width: 32, layers: 1, texts: 64, prompts: 16, updates: 2, requests: 8 },
    },
    bases: async ({ fresh, trained }, size) => {
      const data = many(size.texts, draws(0, 'tpo/texts'), (draw) => {
        const request = drawRequest(draw)
        const reply = drawReply(draw, request, drawContent(draw))
        // A base model: replies follow requests no more often than they stand alone.
        return { text: draw.chance(0.5) ? request.prompt + reply : reply.trim() }
      })
      const texts = data.map(({ text }) => text)
      const start = await fresh({ ...size, texts, vocabSize: 512, context: 64, seed: 0 })
      return { base: await trained('sft', { model: start, data, epochs: 1, batchSize: 32, learningRate: 3e-3 }) }
    },
    arms: {
      tpo: arm(contrast, ({ bench, start, rows, updates, beta, learningRate }) =>
        bench.train('tpo', { model: start, data: rows, steps: updates, beta, learningRate, seed: bench.seed }),
      ),
      sft: arm(rates, ({ bench, start, rows, updates, learningRate }) =>
        bench.train('sft', { model: start, data: imitated(rows), steps: updates, learningRate, seed: bench.seed }),
      ),
      'sft, dpo': arm(grid([3e-5, 1e-4], [0.1, 0.3]), async ({ bench, start, rows, updates, beta, learningRate }) => {
        const half = { steps: updates / 2, seed: bench.seed }
        const data = imitated(rows)
        const tuned = await bench.train('sft', { stage: 'sft', model: start, data, learningRate: 3e-3, ...half })
        return bench.train('dpo', { model: tuned, data: compared(rows), beta, learningRate, ...half })
      }),
      // The second reply takes the place of the best one.
      cpo: arm(contrast, ({ bench, start, rows, updates, beta, learningRate }) =>
        bench.train('cpo', {
          ...{ model: start, data: compared(rows), steps: updates, beta, learningRate, seed: bench.seed },
          sftWeight: 0.9,
        }),
      ),
      'tpo, α=0': arm(contrast, ({ bench, start, rows, updates, beta, learningRate }) =>
        bench.train('tpo', {
          ...{ model: start, data: rows, steps: updates, beta, learningRate, seed: bench.seed },
          sftWeight: 0,
        }),
      ),
    },
    judge: ({ of }) => [
      atLeast('gold score, TPO less SFT', less(of('tpo', 'gold'), of('sft', 'gold')), 0, { beyond: 0, refutedAt: 0 }),
      atLeast('gold score, TPO less SFT and DPO', less(of('tpo', 'gold'), of('sft, dpo', 'gold')), -0.01),
      atMost('log-prob of the best replies less that at the start, α = 0', of('tpo, α=0', 'best'), 0, { beyond: 0 }),
    ],
  }),
})

interface Size {
  width: number
  layers: number
  texts: number
  prompts: number
  updates: number
  requests: number
}

interface Triple {
  prompt: string
  gold: string
  chosen: string
  rejected: string
}

interface Run {
  bench: Bench<Size>
  /** The model that all arms start from. */
  start: string
  rows: Triple[]
  updates: number
  beta: number
  learningRate: number
}

const imitated = (rows: readonly Triple[]) => rows.map(({ prompt, gold }) => ({ prompt, completion: gold }))
const compared = (rows: readonly Triple[]) => rows.map(({ prompt, chosen, rejected }) => ({ prompt, chosen, rejected }))

function arm(trials: readonly Settings[], tune: (run: Run) => Promise<string>) {
  return {
    trials,
    async run(bench: Bench<Size>, { beta, learningRate }: Settings) {
      const { seed, size, bases } = bench
      const rows = many(size.prompts, draws(seed, 'tpo/prompts'), (draw): Triple => {
        const { prompt, replies } = drawCandidates(draw, 4)
        return { prompt, gold: replies[0], chosen: replies[1], rejected: replies[3] }
      })
      const start = bases['base']
      const model = await tune({
        ...{ bench, start, rows, updates: size.updates },
        ...{ beta: Number(beta), learningRate: Number(learningRate) },
      })
      const requests = many(size.requests, draws(seed, 'tpo/requests'), (draw) => drawRequest(draw))
      const asked = requests.map(({ prompt }) => prompt)
      const drawn = await answers(model, asked, { maxTokens: 32, seed })
      const likely = async (of: string, rows: { prompt: string; completion: string }[]) =>
        mean((await logprobsOf(of, rows)).map(({ sum }) => sum))
      const best = imitated(rows.slice(0, size.requests))
      const second = rows.slice(0, size.requests).map(({ prompt, chosen }) => ({ prompt, completion: chosen }))
      return {
        gold: mean(drawn.map(({ text }, i) => goldScore(requests[i], text))),
        length: mean(drawn.map(({ tokens }) => tokens.length)),
        best: (await likely(model, best)) - (await likely(start, best)),
        second: (await likely(model, second)) - (await likely(start, second)),
      }
    },
  }
}
