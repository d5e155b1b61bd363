import { type Form, forms } from '../../batch/index.ts'
import { mean } from '../../evaluate/index.ts'
import type { Answer } from '../../rewards/index.ts'
import type { RoundEvent, SampleEvent } from '../events.ts'
import type { Judged, Lesson, Which } from './types.ts'

interface About {
  /** From 0. */
  round: number
  step: number
  form: Form
  /** Learnt from. */
  rows: number
  seconds: number
}

/** Every answer of a round with what it is worth and what became of it, and then the round as a whole. */
export function roundEvents(
  judged: readonly Judged[],
  lessons: readonly (readonly Lesson[])[],
  { round, step, form, rows, seconds }: About,
): (SampleEvent | RoundEvent)[] {
  const samples = judged.flatMap((one, i) => samplesOf(one, lessons[i], { round, step, form }))
  const summary: RoundEvent = {
    ...{ type: 'round', round: round + 1, step, prompts: judged.length, samples: samples.length, rows, seconds },
    metrics: metricsOf(judged),
  }
  return [...samples, summary]
}

function samplesOf(
  { prompt, answers, scores, opponents, opponentScores }: Judged,
  lessons: readonly Lesson[],
  { round, step, form }: Pick<About, 'round' | 'step' | 'form'>,
): SampleEvent[] {
  const names = forms[form] as readonly string[]
  const roles = new Map<string, string>()
  for (const { sequences, values } of lessons) {
    for (const [place, which] of sequences.entries()) {
      const label = values?.['label']?.[place]
      const name = names[place] ?? `place ${place + 1}`
      roles.set(keyOf(which), label === undefined ? name : label === 1 ? 'good' : 'bad')
    }
  }
  const told = ({ text, tokens, finish }: Answer, score: number | undefined, role: string | null): SampleEvent => ({
    ...{ type: 'sample', step, prompt, text, round: round + 1, role, tokens: tokens.length, finish },
    ...(score !== undefined && { score }),
  })
  return [
    ...answers.map((answer, i) => told(answer, scores[i], roles.get(keyOf(i)) ?? null)),
    ...opponents.map((answer, i) => told(answer, opponentScores[i], roles.get(keyOf({ opponent: i })) ?? 'opponent')),
  ]
}

const keyOf = (which: Which): string => (typeof which === 'object' ? `opponent ${which.opponent}` : `${which}`)

function metricsOf(judged: readonly Judged[]): Record<string, number> {
  const answers = judged.flatMap((one) => one.answers)
  const opponents = judged.flatMap((one) => one.opponentScores)
  const figures = {
    length: mean(answers.map(({ tokens }) => tokens.length)),
    unfinished: mean(answers.map(({ finish }) => Number(finish === 'length'))),
    distinct: mean(judged.map((one) => new Set(one.answers.map(({ text }) => text)).size / one.answers.length)),
  }
  if (judged[0].scores.length === 0) return figures
  return {
    score: mean(judged.map(({ scores }) => mean(scores))),
    bestScore: mean(judged.map(({ scores }) => Math.max(...scores))),
    ...(opponents.length > 0 && { opponentScore: mean(opponents) }),
    ...figures,
  }
}
