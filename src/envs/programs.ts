import type { Draw } from './draw.ts'

/**
 * Programs of at most 8 steps from integers to integers, one letter a step. An instruction names a function as a composition,
 * its last step first: `sq x6 +2=` asks for the square of six times the sum with 2, and `iiDts` is one program that computes
 * it. Many programs compute one function, and the interpreter says whether one does.
 */
export interface Instruction {
  prompt: string
  /** A program that computes what is asked for. */
  reference: string
}

/** What a program has to give for an argument. */
export interface ProgramTest {
  input: number
  output: number
}

const steps: Readonly<Record<string, (x: number) => number>> = {
  i: (x) => x + 1,
  d: (x) => x - 1,
  D: (x) => 2 * x,
  t: (x) => 3 * x,
  s: (x) => x * x,
  n: (x) => -x,
}
const letters = Object.keys(steps)

/** What an instruction calls a piece of program; a product may be put in either order. */
const names: Readonly<Record<string, readonly string[]>> = {
  '+1': ['i'],
  '+2': ['ii'],
  '+3': ['iii'],
  '-1': ['d'],
  '-2': ['dd'],
  '-3': ['ddd'],
  x2: ['D'],
  x3: ['t'],
  x4: ['DD'],
  x6: ['Dt', 'tD'],
  sq: ['s'],
  neg: ['n'],
}

export const longestProgram = 8

/** The value at an argument; null for text that is no program, one that is too long, or a value of no use. */
export function interpret(program: string, input: number): number | null {
  if (program.length > longestProgram) return null
  let value = input
  for (const letter of program) {
    if (!Object.hasOwn(steps, letter)) return null
    value = steps[letter](value)
    if (!Number.isSafeInteger(value)) return null
  }
  return value
}

/** Whether a program passes all tests: one of no tests passes none. */
export function passes(program: string, tests: readonly ProgramTest[]): boolean {
  return tests.length > 0 && tests.every(({ input, output }) => interpret(program, input) === output)
}

const everywhere = Array.from({ length: 13 }, (_, i) => i - 6)

/** Whether two programs are one function, as far as arguments from -6 to 6 tell: more than two polynomials need. */
export const isSame = (a: string, b: string): boolean =>
  everywhere.every((x) => interpret(a, x) !== null && (interpret(a, x) ?? 0) === (interpret(b, x) ?? Number.NaN))

/** How a program may be flawed: its steps in the order in which the instruction is read, or one letter another. */
export type Flaw = 'order' | 'slip'

/** A program with a flaw that makes it another function; a slip where the other order makes none. */
export function flawed(draw: Draw, { prompt, reference }: Instruction, flaw: Flaw): string {
  const asRead = prompt
    .slice(0, -1)
    .split(' ')
    .map((name) => names[name][0])
  const other = asRead.join('')
  return flaw === 'order' && !isSame(other, reference) ? other : mutated(draw, reference)
}

/** An instruction of 3 or 4 names, with at most one square. */
export function drawInstruction(draw: Draw): Instruction {
  for (;;) {
    const asked = Array.from({ length: 3 + draw.below(2) }, () => draw.pick(Object.keys(names)))
    const reference = asked.map((name) => draw.pick(names[name])).join('')
    const squares = asked.filter((name) => name === 'sq').length
    if (reference.length > longestProgram || squares > 1) continue
    return { prompt: `${asked.toReversed().join(' ')}=`, reference }
  }
}

/** A program with one letter another, gone or doubled, that is another function. */
export function mutated(draw: Draw, program: string): string {
  for (;;) {
    const at = draw.below(program.length)
    const put = draw.pick(['', program[at] + program[at], ...letters])
    const other = program.slice(0, at) + put + program.slice(at + 1)
    if (other !== '' && other.length <= longestProgram && !isSame(other, program)) return other
  }
}

const testCount = 5

/** Five tests at different arguments, each wrong by a little with probability 0.15. */
export function drawTests(draw: Draw, reference: string, corrupted = 0.15): ProgramTest[] {
  return draw.some(everywhere, testCount).map((input) => {
    const output = interpret(reference, input) ?? 0
    const off = draw.chance(corrupted) ? (1 + draw.below(3)) * (draw.chance(0.5) ? 1 : -1) : 0
    return { input, output: output + off }
  })
}

/** The tests that the reference passes; none where these let one of its mutants pass too. */
export function validated(draw: Draw, { reference, tests }: { reference: string; tests: readonly ProgramTest[] }) {
  const sound = tests.filter((test) => passes(reference, [test]))
  const mutants = Array.from({ length: 4 }, () => mutated(draw, reference))
  return mutants.some((mutant) => passes(mutant, sound)) ? [] : sound
}
