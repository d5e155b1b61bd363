/**
 * A game of preferences that go in circles: of five answers the first three beat each other as rock, paper and scissors do,
 * all three beat the last two, and no score orders them. What is best is a mixture.
 */
export const gameAnswers = ['r', 'p', 's', 'd', 'e'] as const

const core = 0.9
const dominance = 0.8
const last = 0.6

/** [5][5] the probability that the answer of the row is preferred to that of the column. */
export const preferences: readonly (readonly number[])[] = [
  [0.5, core, 1 - core, dominance, dominance],
  [1 - core, 0.5, core, dominance, dominance],
  [core, 1 - core, 0.5, dominance, dominance],
  [1 - dominance, 1 - dominance, 1 - dominance, 0.5, last],
  [1 - dominance, 1 - dominance, 1 - dominance, 1 - last, 0.5],
]

/** How a player begins. */
export const gameStart: readonly number[] = [0.3, 0.2, 0.15, 0.2, 0.15]

/** How often each answer is preferred to one of the policy. */
export const winRates = (policy: readonly number[]): number[] =>
  preferences.map((row) => row.reduce((sum, chance, j) => sum + chance * policy[j], 0))

/** How much more than half the best reply to a policy wins: 0 at the equilibrium alone. */
export const exploitability = (policy: readonly number[]): number => Math.max(...winRates(policy)) - 0.5

export interface Play {
  /** η of INPO, β of iterative DPO: the smaller, the greater the step. */
  eta: number
  /** τ/η: the share of the start in what a step begins from. */
  share: number
}

/** One exact round of INPO: π′ ∝ exp(P(y ≻ π) / η) π_ref^(τ/η) π^(1 − τ/η) (arXiv:2407.00617, eq. 5). */
export function playInpo(policy: readonly number[], { eta, share }: Play): number[] {
  const wins = winRates(policy)
  return normalised(
    policy.map((p, y) => Math.exp(wins[y] / eta + share * Math.log(gameStart[y]) + (1 - share) * Math.log(p))),
  )
}

function normalised(weights: readonly number[]): number[] {
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => weight / sum)
}

/**
 * One exact round of iterative DPO: π′ ∝ π exp(r / β), r being the scores of Bradley and Terry that fit the preferences
 * best on pairs drawn from π (by the algorithm of Hunter 2004, Annals of Statistics 32, eq. 3). β is `eta`.
 */
export function playDpo(policy: readonly number[], { eta }: Pick<Play, 'eta'>): number[] {
  let strengths = policy.map(() => 1)
  for (let i = 0; i < 500; i++) {
    strengths = normalised(
      strengths.map((own, y) => {
        const others = policy.map((p, z) => (z === y ? 0 : p))
        const wins = others.reduce((sum, p, z) => sum + p * preferences[y][z], 0)
        return wins / others.reduce((sum, p, z) => sum + p / (own + strengths[z]), 0)
      }),
    )
  }
  return normalised(policy.map((p, y) => p * strengths[y] ** (1 / eta)))
}
