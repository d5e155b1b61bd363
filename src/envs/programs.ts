import type { Draw } from './draw.ts'

/**
 * Programs of at most 8 steps from integers to integers, one letter a step. An instruction names a function as a composition,
 * its last step first: `sq x6 +2=` asks for the square of six times the sum with 2, and `iiDts` is one program that computes
 * it. Many programs compute one function, and the interpreter says whether one does.
 *
 * One name of each instruction is a guard, which changes negative values alone: who forgets it is wrong only where the value
 * before it is negative, so that tests of ordinary arguments may not tell.
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
  a: (x) => Math.abs(x),
  r: (x) => Math.max(x, 0),
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

/** The names of guards and their letters. */
const guards: Readonly<Record<string, string>> = { abs: 'a', pos: 'r' }

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

/** Whether two programs are one function, as far as arguments from -6 to 6 tell. */
export const isSame = (a: string, b: string): boolean =>
  everywhere.every((x) => interpret(a, x) !== null && (interpret(a, x) ?? 0) === (interpret(b, x) ?? Number.NaN))

/** How a program may be flawed: without its guard, its steps in the order in which the instruction is read, or one letter another. */
export type Flaw = 'forgotten' | 'order' | 'slip'

/** A program with a flaw that makes it another function; a slip where the other order makes none. */
export function flawed(draw: Draw, { prompt, reference }: Instruction, flaw: Flaw): string {
  if (flaw === 'forgotten') return unguarded(reference)
  const asRead = prompt
    .slice(0, -1)
    .split(' ')
    .map((name) => guards[name] ?? names[name][0])
  const other = asRead.join('')
  return flaw === 'order' && !isSame(other, reference) ? other : mutated(draw, reference)
}

/** An instruction of 2 or 3 names, with at most one square, and a guard among them without which it is another function. */
export function drawInstruction(draw: Draw): Instruction {
  for (;;) {
    const plain = Array.from({ length: 2 + draw.below(2) }, () => draw.pick(Object.keys(names)))
    const asked = plain.toSpliced(draw.below(plain.length + 1), 0, draw.pick(Object.keys(guards)))
    const reference = asked.map((name) => guards[name] ?? draw.pick(names[name])).join('')
    const squares = asked.filter((name) => name === 'sq').length
    if (reference.length > longestProgram || squares > 1 || isSame(unguarded(reference), reference)) continue
    return { prompt: `${asked.toReversed().join(' ')}=`, reference }
  }
}

/** The program without its guard. */
export const unguarded = (program: string) =>
  [...program].filter((letter) => !Object.values(guards).includes(letter)).join('')

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

/** Who writes the tests of an instruction: the shares of those who take ordinary arguments alone, and of those who forget the guard. */
export interface Writers {
  ordinary: number
  forgetful: number
}

/**
 * Five tests at different arguments. Ordinary arguments are not negative; who forgets the guard writes what comes out without
 * it, which is wrong where it matters.
 */
export function drawTests(draw: Draw, reference: string, { ordinary, forgetful }: Writers): ProgramTest[] {
  const isOrdinary = draw.chance(ordinary)
  const isForgetful = !isOrdinary && draw.chance(forgetful / (1 - ordinary))
  const from = isOrdinary ? everywhere.filter((x) => x >= 0) : everywhere
  const program = isForgetful ? unguarded(reference) : reference
  return draw.some(from, testCount).map((input) => ({ input, output: interpret(program, input) ?? 0 }))
}

/** The tests that the reference passes; none where these let one of its mutants pass too. */
export function validated(draw: Draw, { reference, tests }: { reference: string; tests: readonly ProgramTest[] }) {
  const sound = tests.filter((test) => passes(reference, [test]))
  const mutants = Array.from({ length: 4 }, () => mutated(draw, reference))
  return mutants.some((mutant) => passes(mutant, sound)) ? [] : sound
}
