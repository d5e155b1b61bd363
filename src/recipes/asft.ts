import {
  type Chain,
  drawChain,
  drawFacts,
  isStepwise,
  isWorked,
  questionOf,
  solve,
  spokenChain,
} from '../envs/chains.ts'
import { type Draw, draws, many } from '../envs/draw.ts'
import { mean } from '../evaluate/index.ts'
import {
  answers,
  atLeast,
  atMost,
  type Bench,
  less,
  logprobsOf,
  over,
  proof,
  recipe,
  type Settings,
  share,
  trainSettings,
} from '../proofs/index.ts'

/**
 * Aligned supervised fine-tuning (Wang et al. 2024, arXiv:2409.10571): imitation of the better answer, whose likelihood is
 * raised and that of the worse one lowered, each by itself.
 *
 * The proof starts from a base model that works sums in another notation. Pairs are worked solutions, a right one and one with a slip:
 * most of their tokens are the same, and the model has seldom read their form. DPO only asks for a difference between the two,
 * which it gets without ever learning the form; the absolute terms cannot be met that way.
 */
export default recipe({
  id: 'asft',
  reads: { pairs: 'pairs' },
  settings: trainSettings('asft'),
  run: ({ train, model, data, settings }) => train('asft', { model, data: data.pairs, ...settings }),

  proof: proof<Size>({
    claim:
      'From a base model ASFT makes better answers more likely where DPO makes them less, moves worse answers less than DPO does, and answers exactly right at least 10 points more often than DPO and at most 2 less than ORPO.',
    baseline: 'dpo',
    seeds: 3,
    pilots: 1,
    goal: 'goal',
    shrunk:
      'a model of 0.3 M parameters; log-probs at the start and the end alone; share of right forms in place of ROUGE-L. A second design, on new draws: the base of the first knew only a half of its facts (not shown: 7 points fewer right than ORPO).',
    objectives: ['asft', 'sft', 'dpo', 'orpo'],
    sizes: {
      full: { width: 96, layers: 3, pretraining: 96_000, pairs: 3200, items: 300 },
      smoke: { width: 32, layers: 1, pretraining: 64, pairs: 32, items: 8 },
    },
    bases: async ({ fresh, trained }, { pretraining, ...size }) => {
      // Facts, chains that are worked in another notation, and a few in the form of the answers: as little as a base model
      // has read of dialogues.
      const data = many(pretraining, draws(0, 'asft/texts and answers, longer'), (draw) => {
        if (draw.chance(0.04)) {
          const { prompt, chosen } = drawPair(draw)
          return { text: prompt + chosen }
        }
        return { text: draw.chance(0.4) ? drawFacts(draw, 8) : spokenChain(drawChain(draw, 1 + draw.below(2))) }
      })
      const model = await fresh({ ...size, texts: ['0'], vocabSize: 257, context: 64, seed: 0 })
      return { base: await trained('sft', { model, data, epochs: 1, batchSize: 32, learningRate: 3e-3 }) }
    },
    arms: {
      asft: arm('asft', grid([0.03, 0.1], 'lambda')),
      sft: arm(
        'sft',
        [3e-4, 1e-3, 2e-3, 4e-3].map((learningRate) => ({ learningRate })),
      ),
      dpo: arm('dpo', grid([0.03, 0.1], 'beta', [1e-4, 1e-3])),
      orpo: arm('orpo', grid([0.03, 0.1], 'lambda')),
    },
    judge: ({ of }) => [
      atLeast('log-prob of better answers less that at the start, ASFT', of('asft', 'better'), 0, { beyond: 0 }),
      atMost('log-prob of better answers less that at the start, DPO', of('dpo', 'better'), 0, { refutedAt: 0 }),
      atMost(
        'distance that worse answers move, ASFT over DPO',
        over(of('asft', 'worse').map(Math.abs), of('dpo', 'worse').map(Math.abs)),
        1,
      ),
      atLeast('exactly right, ASFT less DPO', less(of('asft', 'exact'), of('dpo', 'exact')), 0.1, {
        beyond: 0,
        refutedAt: 0,
      }),
      atLeast('exactly right, ASFT less ORPO', less(of('asft', 'exact'), of('orpo', 'exact')), -0.02),
    ],
  }),
})

interface Size {
  width: number
  layers: number
  pretraining: number
  pairs: number
  items: number
}

/** What only compares answers, and never imitates one, is given a lower rate too. */
function grid(values: readonly number[], name: 'lambda' | 'beta', rates: readonly number[] = [1e-3, 2e-3]) {
  return rates.flatMap((learningRate) => values.map((value) => ({ learningRate, [name]: value })))
}

function arm(objective: 'asft' | 'sft' | 'dpo' | 'orpo', trials: readonly Settings[]) {
  return {
    trials,
    async run({ seed, size, bases, train }: Bench<Size>, settings: Settings) {
      const start = bases['base']
      const pairs = many(size.pairs, draws(seed, 'asft/pairs, second'), drawPair)
      const imitated = pairs.map(({ prompt, chosen }) => ({ prompt, completion: chosen }))
      const model = await train(objective, {
        ...{ model: start, data: objective === 'sft' ? imitated : pairs, epochs: 2, batchSize: 16, seed },
        ...(settings as { learningRate: number }),
      })

      const chains = many(size.items, draws(seed, 'asft/test, second'), (draw) => drawChain(draw, 2))
      const drawn = await answers(model, chains.map(questionOf), { temperature: 0, maxTokens: 24 })
      const held = many(size.items, draws(seed, 'asft/held-out, second'), drawPair)
      const sums = async (of: string, side: 'chosen' | 'rejected') => {
        const rows = held.map((pair) => ({ prompt: pair.prompt, completion: pair[side] }))
        return (await logprobsOf(of, rows)).map(({ sum }) => sum)
      }
      const [better, worse] = [await sums(model, 'chosen'), await sums(model, 'rejected')]
      const exact = share(drawn.map(({ text }, i) => isWorked(chains[i], text)))
      const preferred = share(better.map((sum, i) => sum > worse[i]))
      return {
        exact,
        // Of settings that are never right the one that prefers best.
        goal: exact + preferred / 100,
        stepwise: share(drawn.map(({ text }, i) => isStepwise(chains[i], text))),
        preferred,
        better: mean(better) - mean(await sums(start, 'chosen')),
        worse: mean(worse) - mean(await sums(start, 'rejected')),
      }
    },
  }
}

/** A worked solution, and the same with a slip. */
function drawPair(draw: Draw): { prompt: string; chosen: string; rejected: string } {
  const chain: Chain = drawChain(draw, 2)
  const slip = { step: draw.below(2), by: 1 + draw.below(9) }
  return { prompt: questionOf(chain), chosen: solve(chain, 'steps'), rejected: solve(chain, 'steps', slip) }
}
