import { HoneError } from '../base/index.ts'

export interface RejectionOptions {
  /** How many are accepted. */
  keep: number
  /** Of the distribution that is sought: the base one times exp(reward / temperature) (β). */
  temperature: number
  /** A number in [0, 1) for the n-th trial. */
  unit(trial: number): number
}

/**
 * Statistical rejection sampling without replacement (Liu et al. 2023, arXiv:2309.06657, algorithm 1): of draws of a base
 * distribution some that are, about, draws of that distribution times exp(reward / temperature). Each of those that remain is accepted
 * with the probability exp((reward − the best of those that remain) / temperature), over and over until enough are.
 * @param rewards of the draws, in the order in which they are tried
 * @returns places of the accepted, in the order of their acceptance; all of them where there are no more than `keep`
 * @throws HoneError E_CONFIG for a temperature that is not positive, or a reward that is no number
 */
export function rejectionSample(rewards: readonly number[], { keep, temperature, unit }: RejectionOptions): number[] {
  if (!(temperature > 0) || !rewards.every(Number.isFinite)) {
    const got =
      temperature > 0 ? `the reward ${rewards.find((one) => !Number.isFinite(one))}` : `temperature ${temperature}`
    throw new HoneError('E_CONFIG', `rejection sampling got ${got}, expected a positive temperature and finite rewards`)
  }
  const accepted: number[] = []
  let pool = [...rewards.keys()]
  let trial = 0
  while (pool.length > 0 && accepted.length < keep) {
    const best = pool.reduce((most, place) => Math.max(most, rewards[place]), Number.NEGATIVE_INFINITY)
    const taken = new Set<number>()
    for (const place of pool) {
      if (accepted.length === keep) break
      if (unit(trial++) >= Math.exp((rewards[place] - best) / temperature)) continue
      accepted.push(place)
      taken.add(place)
    }
    pool = pool.filter((place) => !taken.has(place))
  }
  return accepted
}
