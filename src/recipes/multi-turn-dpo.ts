import { calculatorSays, callEnd, drawSum, isSum, sumPrompt, workedSum } from '../envs/calculator.ts'
import { draws, many } from '../envs/draw.ts'
import { mean } from '../evaluate/index.ts'
import {
  answers,
  atLeast,
  atMost,
  type Bench,
  insideLogprobs,
  less,
  onlineSettings,
  proof,
  recipe,
  type Settings,
  share,
  trajectories,
} from '../proofs/index.ts'
import type { Answer, Grader } from '../rewards/index.ts'
import { loadTokenizer } from '../text/index.ts'
import type { Tools } from '../train/index.ts'

const contrast = [2e-4, 4e-4, 8e-4].flatMap((learningRate) => [0.05, 0.2, 0.8].map((beta) => ({ learningRate, beta })))
const rates = [1e-4, 1.5e-4, 2e-4, 3e-4, 5e-4, 7e-4, 1e-3, 2e-3, 3e-3].map((learningRate) => ({ learningRate }))
const roundCount = 3
/** Of right and wrong answers, the best and the worst are one of each kind, as they come. */
const preferred = { referenceShare: 0, pairing: 'best-worst' } as const

/**
 * Multi-turn iterative preference learning (Xiong et al. 2024, arXiv:2409.02392): DPO on whole trajectories of a model that calls
 * tools. Only what the model itself wrote counts, in the policy and in the reference; a right and a wrong trajectory of the
 * same prompt are a pair; the reference is the model as each round begins.
 *
 * The proof's model was tuned on trajectories of which three in four are flawed, and repeats their errors. Its calculator does
 * the sums, which it never learnt, so that to be right is to call it rightly. Asked is whether a sum comes out high or low: half
 * of the flawed trajectories, guesses without a call among them, are right by luck, and answer checking takes them for good.
 * A round of imitation keeps these; a pair's wrong trajectory is always flawed, so that flaws are held against themselves.
 */
export default recipe({
  id: 'multi-turn-dpo',
  reads: { prompts: 'prompts' },
  judged: true,
  turns: true,
  settings: onlineSettings('dpo', {
    ...{ rounds: 3, n: 20, referenceShare: 0, pairing: 'best-worst', maxTokens: 1024 },
    ...{ batchSize: 32, learningRate: 4e-7 },
  }),
  run: ({ online, model, data, settings, grader, tools }) =>
    online('dpo', { model, data: data.prompts, ...settings, grader, tools }),

  proof: proof<Size>({
    claim:
      'M-DPO on trajectories with a calculator raises right answers by at least 8 points over SFT and 2 points over RAFT, and by more than DPO on answers without it; with the outputs of the calculator left in the loss it is 2 points worse, or moves the probability of these outputs further; the refreshed reference does no worse than that of the start.',
    baseline: 'sft',
    seeds: 5,
    pilots: 1,
    goal: 'right',
    shrunk:
      'a model of 0.3 M parameters, sums over single digits, 300 prompts of 8 answers a round, and answers of the latest model alone. SFT is on as many trajectories again. A second design, on new draws and with five seeds: in the first the last digit was asked for, so that luck was rare, and half of the trajectories were flawed; RAFT came to 96 % right, M-DPO to 92 % and with the fixed reference to 94 % (not shown). It chose pairs among all answers, and lost those that came out equal; now a right and a wrong answer are paired wherever a prompt has both, as in the paper.',
    objectives: ['dpo', 'sft'],
    sizes: {
      full: { width: 96, layers: 3, texts: 24_000, prompts: 300, answers: 8, updates: 19, items: 600 },
      smoke: { width: 32, layers: 1, texts: 64, prompts: 8, answers: 2, updates: 2, items: 8 },
    },
    bases: async ({ fresh, trained }, { texts, ...size }) => {
      const start = await fresh({ ...size, texts: ['0'], vocabSize: 257, context: 48, seed: 0 })
      const data = await demonstrations(start, texts, draws(0, 'multi-turn/texts, second'))
      return { sft: await trained('sft', { model: start, data, epochs: 1, batchSize: 32, learningRate: 3e-3 }) }
    },
    arms: {
      'm-dpo': arm(contrast, (run) => run.bench.online('dpo', { ...run.rounds, ...preferred, beta: run.beta })),
      unmasked: arm(contrast, (run) => {
        const tools = { ...calculator, learnt: true }
        return run.bench.online('dpo', { ...run.rounds, ...preferred, beta: run.beta, tools })
      }),
      'fixed reference': arm(contrast, (run) =>
        run.bench.online('dpo', { ...run.rounds, ...preferred, beta: run.beta, referenceShare: 1 }),
      ),
      'no tool': arm(
        contrast,
        (run) => run.bench.online('dpo', { ...run.rounds, ...preferred, beta: run.beta, tools: undefined }),
        alone,
      ),
      raft: arm(rates, (run) => run.bench.online('raft', { ...run.rounds, threshold: 1 })),
      sft: arm(rates, async ({ bench, rounds: { model, batchSize, learningRate, seed } }) => {
        const data = await demonstrations(
          model,
          bench.size.prompts * bench.size.answers,
          draws(seed, 'multi-turn/more, second'),
        )
        const steps = roundCount * bench.size.updates
        return bench.train('sft', { model, data, steps, batchSize, learningRate, seed })
      }),
    },
    judge: ({ of }) => {
      const right = of('m-dpo', 'right')
      const worse = less(right, of('unmasked', 'right'))
      const moved = less(of('m-dpo', 'moved'), of('unmasked', 'moved'))
      return [
        atLeast('right, M-DPO less SFT', less(right, of('sft', 'right')), 0.08),
        atLeast('right, M-DPO less RAFT', less(right, of('raft', 'right')), 0.02),
        atLeast('right, M-DPO less DPO without the tool', less(right, of('no tool', 'right')), 0),
        atLeast('right, refreshed less fixed reference', less(right, of('fixed reference', 'right')), 0),
        mean(worse) >= 0.02
          ? atLeast('right, masked less unmasked', worse, 0.02)
          : atMost('change of the log-prob of outputs, masked less unmasked', moved, 0, { refutedAt: 0 }),
      ]
    },
  }),
})

interface Size {
  width: number
  layers: number
  texts: number
  prompts: number
  answers: number
  updates: number
  items: number
}

const calculator: Tools = {
  id: 'calculator',
  stop: [callEnd],
  maxTurns: 6,
  respond: (_, said) => calculatorSays(said),
}

/** The share of the trajectories to imitate that have a flaw. */
const flawed = 0.75

/** Trajectories to imitate: what the calculator says is read and not learnt. */
async function demonstrations(model: string, count: number, stream: ReturnType<typeof draws>) {
  const tokenizer = await loadTokenizer(model)
  return many(count, stream, (draw) => {
    const sum = drawSum(draw)
    const pieces = workedSum(sum, draw.chance(flawed) ? draw : null).split(/(?<==)(.;)/)
    const parts = tokenizer.encodeParts([sumPrompt(sum), ...pieces])
    // The prompt, and then in turn what the model says and what it is told.
    const loss = parts.flatMap((part, i) => part.map(() => i % 2))
    return { tokens: [...parts.flat(), tokenizer.eos ?? 0], loss: [...loss, 1] }
  })
}

const checker: Grader = {
  id: 'right answer',
  grade: async (asked) =>
    asked.map(({ row, answers }) => {
      const { sum } = row as { sum: ReturnType<typeof drawSum> }
      return answers.map(({ text, finish }) => Number(finish === 'eos' && isSum(sum, text)))
    }),
}

interface Run {
  bench: Bench<Size>
  rounds: {
    model: string
    data: readonly object[]
    grader: Grader
    tools?: Tools
    rounds: number
    n: number
    maxTokens: number
    promptsPerRound: number
    stepsPerRound: number
    batchSize: number
    learningRate: number
    seed: number
  }
  beta: number
}

type Answers = (model: string, prompts: readonly string[], seed: number) => Promise<Pick<Answer, 'text' | 'finish'>[]>

function withTool(model: string, prompts: readonly string[], seed: number) {
  return trajectories(model, prompts, calculator, { seed, maxTokens: 32 })
}

/** What the calculator would say the model says itself. */
function alone(model: string, prompts: readonly string[], seed: number) {
  return answers(model, prompts, { seed, maxTokens: 32 })
}

function arm(trials: readonly Settings[], tune: (run: Run) => Promise<string>, answered: Answers = withTool) {
  return {
    trials,
    async run(bench: Bench<Size>, { beta, learningRate }: Settings) {
      const { seed, size, bases } = bench
      const model = bases['sft']
      // Each round has prompts of its own.
      const data = many(roundCount * size.prompts, draws(seed, 'multi-turn/prompts, second'), (draw) => {
        const sum = drawSum(draw)
        return { prompt: sumPrompt(sum), sum }
      })
      const rounds = {
        ...{ model, data, grader: checker, tools: calculator, rounds: roundCount, n: size.answers, maxTokens: 32 },
        ...{ promptsPerRound: size.prompts, stepsPerRound: size.updates, batchSize: 16 },
        ...{ learningRate: Number(learningRate), seed },
      }
      const tuned = await tune({ bench, rounds, beta: Number(beta) })

      const sums = many(size.items, draws(seed, 'multi-turn/test, second'), (draw) => drawSum(draw))
      const asked = sums.map(sumPrompt)
      const drawn = await answered(tuned, asked, seed)
      const outputs = sums.map((sum, i) => {
        const [before, after] = workedSum(sum, null).split(callEnd)
        return { before: `${asked[i]}${before}${callEnd}`, piece: after.slice(0, 2) }
      })
      const [now, then] = [await insideLogprobs(tuned, outputs), await insideLogprobs(model, outputs)]
      return {
        right: share(drawn.map(({ text, finish }, i) => finish === 'eos' && isSum(sums[i], text))),
        sound: share(drawn.map(({ text, finish }, i) => finish === 'eos' && text === workedSum(sums[i], null))),
        moved: mean(now.map((value, i) => Math.abs(value - then[i]))),
      }
    },
  }
}
