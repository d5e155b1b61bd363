import { random } from '../base/index.ts'

/** Prompts with a few answers each, whose rewards are known: the smallest world with preferences in it. */
export interface Bandit {
  prompts: number
  answers: number
  /** [prompts, answers] row by row. */
  rewards: Float64Array
}

/** How often an answer was preferred to another one of the same prompt. */
export interface Comparison {
  prompt: number
  better: number
  worse: number
  count: number
}

export interface CompareOptions {
  seed: number
  /** Comparisons to draw. */
  count: number
  /** Share of them that is noted the wrong way round. */
  flips?: number
  /** Only the first so many answers of each prompt are compared. */
  covered?: number
  /** What rewards are multiplied with before two of them are compared; infinite: the better answer always wins. */
  sharpness?: number
}

/** Rewards are standard normal. */
export function makeBandit(seed: number, prompts: number, answers: number): Bandit {
  const draw = random(seed, 'bandit/rewards')
  return { prompts, answers, rewards: Float64Array.from({ length: prompts * answers }, (_, i) => draw.normal(i)) }
}

/**
 * Preferences by Bradley and Terry: of two different answers of a prompt, drawn evenly, the first wins with the probability
 * σ(sharpness · difference of their rewards); then a share is flipped. Equal ones are counted together, in a fixed order.
 */
export function compareAnswers({ prompts, answers, rewards }: Bandit, options: CompareOptions): Comparison[] {
  const { seed, count, flips = 0, covered = answers, sharpness = 1 } = options
  const draw = random(seed, 'bandit/comparisons')
  const counts = new Map<number, number>()
  for (let i = 0; i < count; i++) {
    const prompt = draw.below(prompts, i, 0)
    const first = draw.below(covered, i, 1)
    const other = (first + 1 + draw.below(covered - 1, i, 2)) % covered
    const gap = rewards[prompt * answers + first] - rewards[prompt * answers + other]
    const wins =
      draw.unit(i, 3) <
      (sharpness === Number.POSITIVE_INFINITY ? Number(gap > 0) : 1 / (1 + Math.exp(-sharpness * gap)))
    const isFirst = wins !== draw.unit(i, 4) < flips
    const [better, worse] = isFirst ? [first, other] : [other, first]
    const key = (prompt * answers + better) * answers + worse
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return [...counts]
    .sort(([a], [b]) => a - b)
    .map(([key, count]) => ({
      prompt: Math.floor(key / answers ** 2),
      better: Math.floor(key / answers) % answers,
      worse: key % answers,
      count,
    }))
}
