import { z } from 'zod'
import { HoneError } from '../base/index.ts'
import { type Draw, draws, many } from '../envs/draw.ts'
import { drawTask, isResult, promptOf, resultOf, spokenFact, type Task, type Transform } from '../envs/transforms.ts'
import { calibration, mean } from '../evaluate/index.ts'
import {
  answers,
  atLeast,
  type Bench,
  less,
  meanLogprobs,
  proof,
  recipe,
  type Settings,
  share,
  type TrainSettings,
  trainSettings,
  type Verbs,
  type Work,
} from '../proofs/index.ts'
import { type Demonstration, readDemonstrations } from './demonstrations.ts'

const rates = [5e-4, 1e-3, 2e-3, 4e-3].map((learningRate) => ({ learningRate }))
const grid = [1e-3, 2e-3].flatMap((learningRate) => [0.2, 0.5].map((mixWeight) => ({ learningRate, mixWeight })))

/**
 * SFTMix (Xiao et al. 2024, arXiv:2410.05248): a reference run tells the demonstrations that a model grows sure of from the
 * others; then tuning begins anew, on pairs of one of each whose hidden states are also mixed.
 *
 * In the proof three fifths of the demonstrations are of two common transforms, the others of three rare ones in disturbed
 * wording. It compares with plain tuning and with a split at random, at as many updates.
 */
const own = trainSettings('sftmix', { learningRate: 2e-6, epochs: 3 })
const keys = z.strictObject({
  ...own.shape,
  referenceEpochs: z
    .int()
    .positive()
    .default(3)
    .describe('passes of the reference run, each followed by a measurement'),
})
type Keys = TrainSettings<'sftmix'> & { referenceEpochs: number }

/**
 * Confidence (eq. 1) of each demonstration: the mean, over the ends of the reference run's epochs, of its negative perplexity.
 * Every epoch is a training of its own, at a constant rate. Null where a row is too long.
 */
export async function confidences(
  { train, model, epochs, learningRate, batchSize, seed }: Pick<Verbs, 'train'> & Reference,
  rows: readonly Demonstration[],
): Promise<(number | null)[]> {
  const read: (number | null)[][] = []
  let reached = model
  const data = rows.map(({ given }) => given)
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const stage = `reference ${epoch}`
    const shared = { learningRate, batchSize, seed: seed + epoch, schedule: 'constant', warmup: 0 } as const
    reached = await train('sft', { stage, model: reached, data, ...shared })
    read.push(
      await meanLogprobs(
        reached,
        rows.map(({ row }) => row),
      ),
    )
  }
  return rows.map((_, i) => {
    const perplexities = read.flatMap((of) => (of[i] === null ? [] : [Math.exp(-of[i])]))
    return perplexities.length === read.length ? -mean(perplexities) : null
  })
}

interface Reference {
  model: string
  epochs: number
  learningRate: number
  batchSize: number
  seed: number
}

/** The rows with `label`: true for the half of greater confidence. Of an odd number the middle one is left out. */
export function inHalves(rows: readonly Demonstration[], confidence: readonly (number | null)[]) {
  const known = rows.flatMap(({ given }, i) => (confidence[i] === null ? [] : [{ given, sure: confidence[i] }]))
  const order = [...known.keys()].sort((a, b) => known[b].sure - known[a].sure || a - b)
  const half = Math.floor(known.length / 2)
  const place = new Map(order.map((i, at) => [i, at]))
  return known.flatMap(({ given }, i) => {
    const at = place.get(i) as number
    return at >= half && at < known.length - half ? [] : [{ ...given, label: at < half }]
  })
}

async function program({ train, model, data, settings }: Work<'demonstrations', Keys>): Promise<string> {
  const { referenceEpochs: epochs, ...rest } = settings
  const { learningRate, batchSize = 16, seed = 0 } = rest
  if (!learningRate) throw new HoneError('E_CONFIG', 'learningRate is null, expected a number')
  const rows = await readDemonstrations(data.demonstrations)
  const confidence = await confidences({ train, model, epochs, learningRate, batchSize, seed }, rows)
  // A pair is two rows.
  return train('sftmix', { model, data: inHalves(rows, confidence), ...rest, batchSize: Math.ceil(batchSize / 2) })
}

export default recipe({
  id: 'sftmix',
  reads: { demonstrations: 'demonstrations' },
  settings: keys as unknown as z.ZodObject & z.ZodType<Keys>,
  run: program,

  proof: proof<Size>({
    claim:
      'SFTMix answers hard requests right at least 2 points more often than SFT, and its gap between learnt and new easy requests is smaller in four of five seeds; a split at random lies in between.',
    baseline: 'sft',
    seeds: 3,
    pilots: 1,
    goal: 'accuracy',
    shrunk: 'a model of 0.3 M parameters, 1500 demonstrations, 3 seeds, as in the small form of the proof.',
    objectives: ['sftmix', 'sft'],
    sizes: {
      full: { width: 96, layers: 3, pretraining: 20_000, rows: 1500, updates: 280, items: 300 },
      smoke: { width: 32, layers: 1, pretraining: 64, rows: 32, updates: 2, items: 8 },
    },
    bases: async ({ fresh, trained }, { pretraining, ...size }) => {
      const data = many(pretraining, draws(0, 'sftmix/pretraining'), (draw) => ({ text: spokenFact(drawTask(draw)) }))
      const model = await fresh({ ...size, texts: ['0'], vocabSize: 257, context: 48, seed: 0 })
      return { base: await trained('sft', { model, data, epochs: 1, batchSize: 32, learningRate: 3e-3 }) }
    },
    arms: {
      sftmix: arm('confidence', grid),
      sft: arm(null, rates),
      'halves at random': arm('random', grid),
    },
    judge: ({ of }) => {
      const smaller = less(of('sft', 'easyGap'), of('sftmix', 'easyGap')).map((gain) => Number(gain > 0))
      return [
        atLeast('hard requests right, SFTMix less SFT', less(of('sftmix', 'hard'), of('sft', 'hard')), 0.02),
        atLeast('seeds in which the gap on easy requests is smaller than that of SFT', smaller, 0.8, { refutedAt: 0 }),
        atLeast(
          'hard requests right, SFTMix less halves at random',
          less(of('sftmix', 'hard'), of('halves at random', 'hard')),
          0,
        ),
        atLeast(
          'hard requests right, halves at random less SFT',
          less(of('halves at random', 'hard'), of('sft', 'hard')),
          0,
        ),
      ]
    },
  }),
})

interface Size {
  width: number
  layers: number
  pretraining: number
  rows: number
  updates: number
  items: number
}

const common: readonly Transform[] = ['rev', 'dbl']
const rare: readonly Transform[] = ['srt', 'rot', 'swp']

interface Request {
  task: Task
  prompt: string
  completion: string
}

function drawRequest(draw: Draw, isHard: boolean): Request {
  const task = drawTask(draw, isHard ? rare : common)
  const noise = isHard ? `${draw.some([...'qwxyz'], 1 + draw.below(3)).join('')} ` : ''
  return { task, prompt: noise + promptOf(task), completion: resultOf(task) }
}

function arm(split: 'confidence' | 'random' | null, trials: readonly Settings[]) {
  return {
    trials,
    async run({ seed, size, bases, train }: Bench<Size>, settings: Settings) {
      const model = bases['base']
      const learningRate = Number(settings['learningRate'])
      const requests = many(size.rows, draws(seed, 'sftmix/rows'), (draw) => drawRequest(draw, draw.chance(0.4)))
      const given = requests.map(({ prompt, completion }) => ({ prompt, completion }))
      const rows = await readDemonstrations(given)
      const shared = { model, steps: size.updates, seed, learningRate }
      const tune = async () => {
        if (split === null) return train('sft', { ...shared, data: given, batchSize: 16 })
        const { below } = draws(seed, 'sftmix/halves')(0)
        const confidence =
          split === 'random'
            ? rows.map(() => -below(2 ** 30))
            : await confidences({ train, model, epochs: 2, learningRate: 1e-3, batchSize: 16, seed }, rows)
        const mixWeight = Number(settings['mixWeight'])
        return train('sftmix', { ...shared, data: inHalves(rows, confidence), batchSize: 8, mixWeight })
      }
      const tuned = await tune()

      const measure = async (isHard: boolean) => {
        const test = many(size.items, draws(seed, `sftmix/test ${isHard}`), (draw) => drawRequest(draw, isHard))
        const told = await answers(
          tuned,
          test.map(({ prompt }) => prompt),
          { temperature: 0, maxTokens: 16 },
        )
        const right = told.map(({ text }, i) => isResult(test[i].task, text))
        const sure = told.map(({ logprobs }) => Math.exp(logprobs.reduce((a, b) => a + b, 0)))
        const forecasts = sure.map((probability, i) => ({ probability, outcome: Number(right[i]) }))
        const unlikely = await meanLogprobs(
          tuned,
          (await readDemonstrations(test.map(({ prompt, completion }) => ({ prompt, completion })))).map(
            ({ row }) => row,
          ),
        )
        return { right: share(right), forecasts, nll: -mean(unlikely.map(Number)) }
      }
      const [easy, hard] = [await measure(false), await measure(true)]
      const learnt = await meanLogprobs(
        tuned,
        rows.filter((_, i) => common.includes(requests[i].task.transform)).map(({ row }) => row),
      )
      return {
        easy: easy.right,
        hard: hard.right,
        accuracy: 0.6 * easy.right + 0.4 * hard.right,
        easyNll: easy.nll,
        hardNll: hard.nll,
        easyGap: easy.nll + mean(learnt.map(Number)),
        ece: calibration([...easy.forecasts, ...hard.forecasts]).ece,
      }
    },
  }
}
