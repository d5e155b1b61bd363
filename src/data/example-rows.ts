import type { Form } from '../batch/index.ts'

const prompt = 'Say hi.'

/** A row or two of each form, as a user would write them: for the examples of the help. */
const rows: Record<Form, readonly Record<string, unknown>[]> = {
  demonstrations: [
    {
      messages: [
        { role: 'user', content: prompt },
        { role: 'assistant', content: 'Hi!' },
      ],
    },
  ],
  pairs: [{ prompt, chosen: 'Hi!', rejected: 'No.' }],
  triples: [{ prompt, gold: 'Hi there!', chosen: 'Hi!', rejected: 'No.' }],
  explorations: [{ prompt, chosen: 'Hi there!', rejected: 'No.', usual: 'Hi.' }],
  unpaired: [
    { prompt, completion: 'Hi!', label: true },
    { prompt: 'Say bye.', completion: 'No.', label: false },
  ],
  steps: [{ prompt: 'What is 2 + 3 · 4?', steps: ['3 · 4 = 12.', 'So it is 14.'], labels: [true, true] }],
  rankings: [{ prompt, responses: ['Hi there!', 'Hi!', 'No.'], scores: [9, 7, 1] }],
}

/** Rows of a form that bring what an objective needs. */
export function exampleRows(form: Form, needs: readonly string[]): readonly Record<string, unknown>[] {
  if (needs.includes('label')) return rows.unpaired
  const more = {
    ...(needs.includes('baseline') && { baseline: -0.9 }),
    ...(needs.includes('shortPrompt') && { prompt: `In a long text. ${prompt}`, short_prompt: prompt }),
  }
  const both = form === 'explorations' ? { score_chosen: 2, score_rejected: 1 } : { score: 0.8 }
  const graded = needs.includes('score') ? both : {}
  return rows[form].map((row) => ({ ...row, ...more, ...(!('scores' in row) && graded) }))
}
