import { HoneError, showValue } from '../../base/index.ts'
import { type CodeTest, type Language, openSandbox, type Sandbox } from '../sandbox/index.ts'
import type { Verifier } from './types.ts'

/** Tests that a program has to pass, all of them. */
export interface CodeReference {
  language?: Language
  tests: readonly CodeTest[]
  setup?: string
  entry?: readonly string[]
}

/** A longer answer is no program that is run. */
const MAX_ANSWER = 100_000

const labels: Readonly<Record<string, Language>> = {
  python: 'python',
  py: 'python',
  python3: 'python',
  javascript: 'javascript',
  js: 'javascript',
}

/** Opened at the first answer. What is idle in it keeps no process alive, so nobody has to close it. */
let sandbox: Sandbox | null = null

/** The program of an answer: the last fenced block where there is one, else the whole text. */
export function programOf(answer: string): { source: string; language: Language | null } {
  const thought = answer.lastIndexOf('</think>')
  const text = thought < 0 ? answer : answer.slice(thought + 8)
  const parts = text.split('```')
  // Fences come in twos; an open one at the end is an answer that was cut off.
  if (parts.length < 3) return { source: text, language: null }
  const block = parts[parts.length % 2 === 1 ? parts.length - 2 : parts.length - 1]
  const line = block.indexOf('\n')
  const label = line < 0 ? '' : block.slice(0, line).trim().toLowerCase()
  const isLabel = /^[a-z0-9+#]*$/.test(label)
  return { source: isLabel ? block.slice(line + 1) : block, language: labels[label] ?? null }
}

function testsOf(reference: unknown): CodeReference {
  const given = typeof reference === 'string' ? [reference] : reference
  const whole = (Array.isArray(given) ? { tests: given } : given) as Partial<CodeReference> | null
  const tests = Array.isArray(whole?.tests) ? whole.tests : []
  const read = tests.map((test: unknown) => (typeof test === 'string' ? { code: test } : test))
  const isTest = (test: unknown) =>
    typeof test === 'object' &&
    test !== null &&
    ('code' in test || ('call' in test && 'args' in test) || 'stdin' in test)
  if (read.length > 0 && read.every(isTest)) return { ...whole, tests: read as CodeTest[] }
  throw new HoneError('E_REFERENCE', `the reference ${showValue(reference)} holds no tests`, {
    help: 'Give a list of lines such as "assert f(1) == 2", or {language, tests: [{call, args, returns}, {stdin, stdout}, …]}.',
  })
}

export const code: Verifier = {
  id: 'code',
  about: 'a program, bare or in the last fenced block, that passes every test in the sandbox',
  takes:
    'tests: lines of asserts, {call, args, returns} or {stdin, stdout}; with language, setup and entry where needed',
  /** @throws HoneError E_SANDBOX where this machine cannot isolate programs of the language, E_NO_PYTHON */
  async verify({ answer, reference }, { signal } = {}) {
    const { tests, setup, entry, ...given } = testsOf(reference)
    if (answer.length > MAX_ANSWER) {
      return { score: 0, correct: false, why: `the answer is longer than ${MAX_ANSWER} characters` }
    }
    const { source, language } = programOf(answer)
    sandbox ??= openSandbox()
    const program = { language: given.language ?? language ?? ('python' as const), source }
    const report = await sandbox.test(program, tests, { setup, entry, signal })
    const correct = report.passed === tests.length
    const failed = report.tests.findIndex(({ passed }) => !passed)
    const told = `${report.passed} of ${tests.length} tests passed`
    const why = correct ? told : `${told}; test ${failed + 1}: ${report.tests[failed].why}`
    return { score: Number(correct), correct, extracted: source, why }
  },
}
