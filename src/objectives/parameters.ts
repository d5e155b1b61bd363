import { z } from 'zod'

const positive = z.number().positive()
const atLeast0 = z.number().nonnegative()
const below = (limit: number) => atLeast0.lt(limit)

/** Every parameter of any objective: what it means, and which values it takes. The paper's symbol stands in brackets. */
export const parameters = {
  beta: { schema: atLeast0, about: 'scale of the rewards: the greater, the closer to the reference (β)' },
  gamma: { schema: z.number(), about: 'margin by which the better answer shall win (γ)' },
  labelSmoothing: { schema: below(0.5), about: 'share of pairs that is taken to be the wrong way round' },
  epsilon: { schema: below(0.5), about: 'share of pairs that is the wrong way round (ε)' },
  divergence: {
    schema: z.enum(['reverse-kl', 'forward-kl', 'jensen-shannon', 'alpha']),
    about: 'what holds the model to the reference',
  },
  divergenceAlpha: {
    schema: z.number().min(0).max(1),
    about: 'of the α-divergence: 0 is the reverse KL, 1 the forward KL',
  },
  averaged: { schema: z.boolean(), about: "an answer's log-prob is the mean over its tokens, not their sum" },
  sftWeight: { schema: atLeast0, about: 'weight of the mean negative log-prob of the better answer' },
  desirableWeight: { schema: atLeast0, about: 'weight of good answers (λ_D)' },
  undesirableWeight: { schema: atLeast0, about: 'weight of bad answers (λ_U)' },
  lambda: { schema: atLeast0, about: 'weight of the term beside the main one (λ)' },
  lengthPenalty: { schema: atLeast0, about: 'reward that each token is taken to be worth by itself (α)' },
  optimism: { schema: atLeast0, about: 'how strongly the usual answer is left, as a multiple of β (α)' },
  eta: { schema: atLeast0, about: 'weight of the imitation, as a multiple of β (η)' },
  temperature: { schema: positive, about: 'of the soft-max over scores: the smaller, the more the best one counts' },
  shape: { schema: z.number(), about: 'how far the reward bends; 0 leaves it the log-prob (α)' },
  mixing: {
    schema: z.number().min(0).max(1),
    about: 'from the forward KL at 0 over Jensen–Shannon to the reverse KL at 1 (β)',
  },
  topK: { schema: z.int().positive(), about: "how many of the teacher's most probable tokens are learnt" },
  guessShare: { schema: z.number().min(0).max(1), about: "share of the model's own guess in each input (λ)" },
  discount: {
    schema: z.number().min(0).max(1),
    about: 'how much of the loss of the next token a token answers for (γ)',
  },
  detachWeights: { schema: z.boolean(), about: 'no gradient flows through the weights of tokens' },
  mixWeight: { schema: atLeast0, about: 'weight of the mixed loss (μ)' },
  mixAlpha: { schema: positive.max(4), about: 'of the Beta distribution that shares are drawn from (α)' },
  tau: { schema: positive, about: 'how fast the two parts of the loss give way to each other (τ)' },
  comparison: { schema: z.enum(['logistic', 'hinge']), about: 'loss on the difference of two rewards' },
  decay: { schema: below(1), about: 'how much of a running mean is kept at each update' },
  expertWeight: { schema: atLeast0, about: 'weight of rows labelled true' },
  subWeight: { schema: atLeast0, about: 'weight of rows labelled false' },
  perSequence: { schema: z.boolean(), about: 'every answer counts alike, however many tokens it has' },
  everyToken: { schema: z.boolean(), about: 'the log-prob of the prompt is learnt too' },
  nllWeight: { schema: atLeast0, about: 'weight of the mean negative log-prob' },
  centering: { schema: atLeast0, about: 'weight of (r_w + r_l)², which keeps scores around 0 (c)' },
  regression: { schema: z.enum(['squared', 'cross-entropy']), about: 'distance of a score to its grade' },
} as const satisfies Record<string, { schema: z.ZodType; about: string }>

export type ParameterName = keyof typeof parameters
