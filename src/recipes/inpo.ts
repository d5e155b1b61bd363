import { random } from '../base/index.ts'

import { exploitability, gameAnswers, gameStart, playDpo, playInpo, preferences } from '../envs/game.ts'
import { mean } from '../evaluate/index.ts'
import {
  atLeast,
  atMost,
  type Bench,
  insideLogprobs,
  less,
  onlineSettings,
  proof,
  recipe,
  type Settings,
} from '../proofs/index.ts'
import type { Comparer } from '../rewards/index.ts'

/**
 * Iterative Nash policy optimisation (Zhang et al. 2024, arXiv:2407.00617): the model plays against itself for the
 * equilibrium of a preference that no score need stand behind. Each round is a squared loss on pairs of its own answers,
 * against a mixture of the start and the model as the round begins.
 *
 * The proof is a game of five answers of one token whose preferences go in a circle: exactly, as updates of a table, and as
 * trainings of a model on draws. Iterative DPO runs after whatever beats its last version, and round the circle.
 */
export default recipe({
  id: 'inpo',
  reads: { prompts: 'prompts' },
  judged: true,
  settings: onlineSettings('inpo'),
  run: ({ online, model, data, settings, grader }) =>
    online('inpo', { model, data: data.prompts, grader, ...settings }),

  proof: proof<Size>({
    claim:
      'In a game of preferences that go in a circle the last round of INPO can be exploited by at most 0.05, that of INPO without the start in its reference by more, and iterative DPO circles, exploited by at least 0.15 on average over the last 10 rounds; exactly, and with a model of 0.2 M parameters.',
    baseline: 'iterative dpo',
    seeds: 5,
    pilots: 1,
    goal: 'balance',
    shrunk:
      'a model of 0.2 M parameters and answers of one token, in pairs of two draws without a tournament. A third design, on new draws: in the first, of a constant rate, and the second, of one that fell to a tenth, Adam began anew in each round, overshot the minimum of its loss at the greater rates and fell short of it at the smaller (in the second INPO 0.057, less than with τ = 0 by 0.013, from -0.027 to 0.053). Now every arm goes down the plain gradient at a constant rate, and the later half of the rounds has 1024 pairs in place of 256.',
    objectives: ['ipo', 'dpo', 'sft'],
    sizes: {
      full: { width: 64, layers: 4, texts: 20_000, rounds: 100, pairs: 1024, updates: 3 },
      smoke: { width: 32, layers: 1, texts: 64, rounds: 2, pairs: 8, updates: 1 },
    },
    bases: async ({ fresh, trained }, { texts, ...size }) => {
      const model = await fresh({ ...size, texts: ['0'], vocabSize: 257, context: 8, seed: 0 })
      const source = random(0, 'inpo/start')
      const data = Array.from({ length: texts }, (_, i) => ({ prompt, completion: drawStart(source.unit(i)) }))
      return { base: await trained('sft', { model, data, epochs: 1, batchSize: 64, learningRate: 1e-3 }) }
    },
    arms: {
      inpo: arm('inpo', 0.05),
      'inpo, τ=0': arm('inpo', 0),
      'iterative dpo': arm('dpo', 0),
    },
    judge: ({ of }) => [
      atMost('exploitability of exact INPO', of('inpo', 'exact'), 0.05, { refutedAt: 0.15 }),
      atLeast('exact, τ = 0 less INPO', less(of('inpo, τ=0', 'exact'), of('inpo', 'exact')), 0),
      atLeast('exact iterative DPO, mean of the last 10 rounds', of('iterative dpo', 'exactLate'), 0.15),
      atMost('exploitability of the model by INPO', of('inpo', 'last'), 0.05, { refutedAt: 0.15 }),
      atLeast('the model, τ = 0 less INPO', less(of('inpo, τ=0', 'last'), of('inpo', 'last')), 0, { beyond: 0 }),
      atLeast('the model by iterative DPO, mean of the last 10 rounds', of('iterative dpo', 'late'), 0.15),
    ],
  }),
})

interface Size {
  width: number
  layers: number
  texts: number
  rounds: number
  /** Pairs of a round, all of them learnt in each of its updates; a quarter of them in the first half of the rounds. */
  pairs: number
  updates: number
}

const prompt = '>'
const prompts = (count: number) => Array.from({ length: count }, () => ({ prompt }))

function drawStart(unit: number): string {
  let sum = 0
  return gameAnswers[gameStart.findIndex((p) => unit < (sum += p))] ?? gameAnswers[gameAnswers.length - 1]
}

/** One play of the game: who is preferred is drawn. Whatever is no answer of the game loses to all that are. */
function referee(seed: number, round: number): Comparer {
  const source = random(seed, 'inpo/preferences, third')
  const placeOf = (text: string) => (gameAnswers as readonly string[]).indexOf(text)
  return {
    id: 'game',
    compare: async (duels) =>
      duels.map(({ first, second }, i) => {
        const [a, b] = [placeOf(first.text), placeOf(second.text)]
        if (a < 0 || b < 0) return a < 0 === b < 0 ? 0.5 : Number(b < 0)
        return Number(source.unit(round, i) < preferences[a][b])
      }),
  }
}

/** The model's policy over the answers of the game. */
async function policyOf(model: string): Promise<number[]> {
  const told = await insideLogprobs(
    model,
    gameAnswers.map((piece) => ({ before: prompt, piece })),
  )
  const weights = told.map(Math.exp)
  const total = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => weight / total)
}

/**
 * So that a round ends near the minimum of its own loss. Adam begun anew in each of them does not: its first steps are as long for a
 * small gradient as for a great one.
 */
const descent = { optimizer: 'sgd', clip: 0, schedule: 'constant', warmup: 0 } as const

const lastOf = (values: readonly number[]) => values[values.length - 1]

function arm(method: 'inpo' | 'dpo', share: number) {
  return {
    trials: [5e-3, 1e-2].map((learningRate) => ({ learningRate })),
    async run(bench: Bench<Size>, { learningRate }: Settings) {
      const { seed, size, bases } = bench
      const base = bases['base']
      let policy: readonly number[] = gameStart
      const exact: number[] = []
      for (let t = 0; t < 100; t++) {
        policy = method === 'inpo' ? playInpo(policy, { eta: 1, share }) : playDpo(policy, { eta: 1 })
        exact.push(exploitability(policy))
      }

      const found: number[] = []
      let model = base
      for (let t = 0; t < size.rounds; t++) {
        // Early rounds have far to go; later ones circle as widely as their draws are few.
        const pairs = t < size.rounds / 2 ? size.pairs / 4 : size.pairs
        model = await bench.online(method, {
          ...{ model, data: prompts(pairs), grader: referee(seed, t), reference: base, after: t === 0 ? null : model },
          ...{ stage: `round-${t % 2}`, rounds: 1, n: 2, maxTokens: 1, beta: 1, referenceShare: share, seed },
          ...{ stepsPerRound: size.updates, batchSize: pairs, learningRate: Number(learningRate), ...descent },
        })
        found.push(exploitability(await policyOf(model)))
      }
      const late = mean(found.slice(-10))
      return {
        ...{ exact: lastOf(exact), exactLate: mean(exact.slice(-10)) },
        ...{ last: lastOf(found), late, balance: -late },
      }
    },
  }
}
