/** A program to be killed: two rounds of online DPO in the folder it is given, from wherever the last one was stopped. */
import type { Answered } from '../src/rewards/index.ts'
import { online } from '../src/train/index.ts'

const vowels = (text: string) => (text.match(/[aeiou]/g) ?? []).length
const grader = {
  id: 'vowels',
  grade: async (asked: readonly Answered[]) =>
    asked.map(({ answers }) => answers.map(({ text, tokens }) => vowels(text) + tokens.length / 100)),
}
console.log('started')
await online(
  'dpo',
  {
    model: 'tiny',
    data: ['Once', 'The sun', 'A dog', 'Tell me'].map((prompt) => ({ prompt })),
    out: process.argv[2],
    resume: true,
    grader,
    ...{ rounds: 2, n: 2, maxTokens: 4, batchSize: 2, stepsPerRound: 3, carry: 1, saveEvery: 1, learningRate: 1e-3 },
    ...{ threads: 1, warmup: 0, referenceShare: 0.5 },
  },
  { onEvent: ({ type }) => console.log(type) },
)
