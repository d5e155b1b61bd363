import type { OpenModel } from '../engine/index.ts'
import type { Answer, Answered, Grader } from '../rewards/index.ts'
import { promptTokens } from './prompt.ts'
import { forwardRows } from './score.ts'

/** The log-prob of an answer in nats, that of its mean token, or how many of the prompt's answers say the same. */
export type LogprobReward = 'logprob' | 'mean-logprob' | 'votes'

/**
 * A model as the judge of answers, by what it would itself have said (Huang et al. 2024, arXiv:2412.01951, §2): at temperature 1 and
 * with nothing cut off, its end token among what counts. An answer that says nothing or was cut off would be likely for
 * its length alone: it gets one nat, or vote, less than the worst of its prompt.
 */
export function logprobGrader(open: OpenModel, reward: LogprobReward = 'logprob'): Grader {
  return {
    id: `own ${reward}`,
    async grade(asked, { signal } = {}) {
      const worth =
        reward === 'votes' ? asked.map(votes) : await logprobs(open, asked, reward === 'mean-logprob', signal)
      return asked.map(({ answers }, i) => {
        const least = Math.min(...worth[i]) - 1
        return answers.map((answer, k) => (isWhole(answer) ? worth[i][k] : least))
      })
    },
  }
}

const isWhole = ({ text, finish }: Answer) => text.trim() !== '' && finish !== 'length'

const votes = ({ answers }: Answered): number[] =>
  answers.map(({ text }) => answers.filter((other) => other.text.trim() === text.trim()).length)

async function logprobs(open: OpenModel, asked: readonly Answered[], isMean: boolean, signal?: AbortSignal) {
  const rows = asked.flatMap(({ prompt, messages, answers }) => {
    const tokens = promptTokens(open, messages ? { messages } : { prompt })
    return answers.map((answer, id) => {
      const loss = answer.loss ?? answer.tokens.map(() => 1)
      return { id, segments: [{ tokens }, { tokens: answer.tokens, loss, parent: 0 }] }
    })
  })
  const found: number[] = []
  for await (const { logprobs } of forwardRows(open.engine, rows, { signal })) {
    const sum = logprobs.reduce((a, b) => a + b, 0)
    found.push(isMean ? sum / logprobs.length : sum)
  }
  let at = 0
  return asked.map(({ answers }) => answers.map(() => found[at++]))
}
