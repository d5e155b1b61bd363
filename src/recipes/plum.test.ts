import { expect, test } from 'vitest'
import { recipeSuite } from '../../test/recipe-suite.ts'
import type { Work } from '../proofs/index.ts'
import type { Grader } from '../rewards/index.ts'
import plum from './plum.ts'

recipeSuite('plum')

/** What the rounds of a user's run would be given. */
async function given(prompts: readonly object[], own: object = {}) {
  let seen: Record<string, unknown> = {}
  const online = async (method: string, options: object) => {
    seen = { method, ...options }
    return 'model'
  }
  const settings = plum.settings.parse(own)
  await plum.run({ online, model: 'tiny', data: { prompts }, settings } as unknown as Work)
  return seen as { method: string; data: { tests: unknown[] }[]; grader: Grader }
}

const program = (body: string) => `\`\`\`javascript\nfunction f(x) { ${body} }\n\`\`\``
const returns = (x: number, y: number) => ({ call: 'f', args: [x], returns: y })
const double = { prompt: 'Double x.', solution: program('return 2 * x') }

test('a test counts only where the solution passes it; a prompt with too few is left out, and no solution is shown', async () => {
  const rows = [
    { ...double, tests: [returns(2, 4), returns(3, 7), returns(5, 10)] },
    { ...double, prompt: 'Double it.', tests: [returns(2, 4), returns(3, 7)] },
  ]
  const { method, data } = await given(rows, { minTests: 2 })
  expect(method).toBe('plum')
  expect(data).toEqual([{ prompt: 'Double x.', tests: [returns(2, 4), returns(5, 10)] }])
  await expect(given(rows, { minTests: 3 })).rejects.toMatchObject({ code: 'E_EMPTY' })
})

test('an answer passes or fails by all of its tests in the sandbox, whatever it tries', async () => {
  const { data, grader, method } = await given([{ ...double, tests: [returns(2, 4), returns(5, 10)] }], { loss: 'kto' })
  expect(method).toBe('plum-kto')
  const told = [
    double.solution,
    program('return 4'),
    'I would double it.',
    program("return require('node:fs').readFileSync('/etc/passwd')"),
  ]
  const answers = told.map((text) => ({ text, tokens: [], finish: 'eos' as const }))
  expect(await grader.grade([{ prompt: '', row: data[0], answers }])).toEqual([[1, 0, 0, 0]])
})

test('rows without tests or a solution are refused with the form that is read', async () => {
  await expect(given([{ prompt: 'Double x.' }])).rejects.toThrow(/expected a list of tests and a program/)
})
