import { HoneError } from '../../base/index.ts'

/**
 * Regular expressions matched in time proportional to text × pattern, whatever either is (Thompson 1968, "Regular expression
 * search algorithm"): patterns meet texts that a model wrote, and backtracking can take exponential time on them.
 */
export interface Pattern {
  /** The leftmost and there the longest match, or null. */
  find(text: string): string | null
}

/** Instructions of a compiled pattern; counted repetition is written out. */
const MAX_PROGRAM = 1000
const MAX_DEPTH = 50

type Test = (code: number) => boolean

type Node =
  | { kind: 'one'; test: Test }
  | { kind: 'edge'; holds: (before: number, after: number) => boolean }
  | { kind: 'all'; nodes: readonly Node[] }
  | { kind: 'any'; nodes: readonly Node[] }
  | { kind: 'repeat'; node: Node; least: number; most: number }

type Instruction =
  | { kind: 'one'; test: Test }
  | { kind: 'edge'; holds: (before: number, after: number) => boolean }
  | { kind: 'fork'; targets: readonly number[] }
  | { kind: 'match' }

/** What stands before the first and behind the last character. */
const NONE = -1

const between = (low: string, high: string): Test => {
  const [from, to] = [low.charCodeAt(0), high.charCodeAt(0)]
  return (code) => code >= from && code <= to
}
const anyOf =
  (...tests: Test[]): Test =>
  (code) =>
    tests.some((test) => test(code))
const not =
  (test: Test): Test =>
  (code) =>
    !test(code)

const testOf = (member: number | Test): Test => (typeof member === 'number' ? (code) => code === member : member)

const digit = between('0', '9')
const wordy = anyOf(digit, between('a', 'z'), between('A', 'Z'), (code) => code === 95)
const space: Test = (code) => /\s/.test(String.fromCharCode(code))
const lineEnd: Test = (code) => code === 10 || code === 13 || code === 0x2028 || code === 0x2029
const isWordEdge = (before: number, after: number) => wordy(before) !== wordy(after)

const classes: Readonly<Record<string, Test>> = {
  d: digit,
  D: not(digit),
  w: wordy,
  W: not(wordy),
  s: space,
  S: not(space),
}
const controls: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11 }

/**
 * Compiles JavaScript's notation but for what needs backtracking: no lookaround, no backreference. Texts are taken by UTF-16 units.
 * @param flags of `i` (letter case), `s` (a dot takes line ends) and `m` (^ and $ at line ends)
 * @throws HoneError E_PATTERN
 */
export function compilePattern(source: string, flags = ''): Pattern {
  const fail = (what: string): never => {
    throw new HoneError('E_PATTERN', `the pattern ${JSON.stringify(source.slice(0, 80))} ${what}`, {
      help: 'Characters, classes, groups, |, ^, $, \\b, \\d, \\w, \\s and the repetitions *, +, ?, {n,m} are known.',
    })
  }
  if (!/^[ism]*$/.test(flags)) fail(`has the flags ${JSON.stringify(flags)}, expected some of i, s, m`)
  const program = compile(parse(source, flags, fail), fail)
  return { find: (text) => run(program, text) }
}

function parse(source: string, flags: string, fail: (what: string) => never): Node {
  let at = 0
  let depth = 0
  const [ignoreCase, dotAll, multiline] = ['i', 's', 'm'].map((flag) => flags.includes(flag))
  const cased = (test: Test): Test =>
    ignoreCase
      ? (code) => {
          const letter = String.fromCharCode(code)
          return test(code) || test(letter.toLowerCase().charCodeAt(0)) || test(letter.toUpperCase().charCodeAt(0))
        }
      : test
  const accept = (text: string) => source.startsWith(text, at) && (at += text.length) > 0

  function alternatives(): Node {
    if (++depth > MAX_DEPTH) fail('is nested too deeply')
    const nodes = [sequence()]
    while (accept('|')) nodes.push(sequence())
    depth--
    return nodes.length === 1 ? nodes[0] : { kind: 'any', nodes }
  }

  function sequence(): Node {
    const nodes: Node[] = []
    while (at < source.length && source[at] !== '|' && source[at] !== ')') nodes.push(repeated(atom()))
    return { kind: 'all', nodes }
  }

  function repeated(node: Node): Node {
    const counted = /^\{(\d{1,4})(?:(,)(\d{1,4})?)?\}/.exec(source.slice(at, at + 12))
    let [least, most] = [1, 1]
    if (accept('*')) [least, most] = [0, Number.POSITIVE_INFINITY]
    else if (accept('+')) most = Number.POSITIVE_INFINITY
    else if (accept('?')) least = 0
    else if (counted) {
      at += counted[0].length
      least = Number(counted[1])
      most = counted[2] === undefined ? least : Number(counted[3] ?? Number.POSITIVE_INFINITY)
      if (most < least) fail(`repeats from ${least} to ${most}`)
    } else return node
    // Greedy or not, the same texts match.
    accept('?')
    if (node.kind === 'edge' || /^[*+?]/.test(source.slice(at, at + 1))) fail('has nothing to repeat')
    return { kind: 'repeat', node, least, most }
  }

  function atom(): Node {
    const character = source[at++]
    if (character === '(') return group()
    if (character === '[') return { kind: 'one', test: cased(bracket()) }
    if (character === '.') return { kind: 'one', test: dotAll ? () => true : not(lineEnd) }
    if (character === '^') return { kind: 'edge', holds: (before) => before === NONE || (multiline && lineEnd(before)) }
    if (character === '$') return { kind: 'edge', holds: (_, after) => after === NONE || (multiline && lineEnd(after)) }
    if (character === '*' || character === '+' || character === '?') fail('has nothing to repeat')
    if (character !== '\\') return { kind: 'one', test: cased(between(character, character)) }
    if (accept('b')) return { kind: 'edge', holds: isWordEdge }
    if (accept('B')) return { kind: 'edge', holds: (before, after) => !isWordEdge(before, after) }
    return { kind: 'one', test: cased(testOf(escaped())) }
  }

  function group(): Node {
    if (accept('?:') || !accept('?')) return closed()
    const name = /^<[A-Za-z_]\w*>/.exec(source.slice(at, at + 64))
    if (!name) fail('looks ahead or behind, which is not offered')
    at += name?.[0].length ?? 0
    return closed()
  }

  function closed(): Node {
    const inner = alternatives()
    if (!accept(')')) fail('has a group that is not closed')
    return inner
  }

  function escaped(): number | Test {
    const character = source[at++] ?? fail('ends in a backslash')
    if (Object.hasOwn(classes, character)) return classes[character]
    if (Object.hasOwn(controls, character)) return controls[character]
    const hex = { x: 2, u: 4 }[character]
    if (hex !== undefined) {
      const digits = source.slice(at, at + hex)
      if (digits.length < hex || /[^0-9A-Fa-f]/.test(digits))
        fail(`has \\${character} without ${hex} hexadecimal digits`)
      at += hex
      return Number.parseInt(digits, 16)
    }
    if (/[1-9k]/.test(character)) fail('refers back to a group, which is not offered')
    if (/[A-Za-z0-9]/.test(character)) fail(`has \\${character}, which is not known`)
    return character.charCodeAt(0)
  }

  function bracket(): Test {
    const isNegated = accept('^')
    const tests: Test[] = []
    while (!accept(']')) {
      if (at >= source.length) fail('has a class that is not closed')
      const low = member()
      const isRange = source[at] === '-' && at + 1 < source.length && source[at + 1] !== ']'
      if (!isRange) {
        tests.push(testOf(low))
        continue
      }
      at++
      const high = member()
      if (typeof low !== 'number' || typeof high !== 'number' || high < low) return fail('has a range without order')
      tests.push((code) => code >= low && code <= high)
    }
    const test = cased(anyOf(...tests))
    return isNegated ? not(test) : test
  }

  /** A character's code, or a class. */
  function member(): number | Test {
    if (accept('\\')) return escaped()
    return (source[at++] ?? fail('has a class that is not closed')).charCodeAt(0)
  }

  const node = alternatives()
  return at === source.length ? node : fail('closes a group that is not open')
}

function compile(root: Node, fail: (what: string) => never): readonly Instruction[] {
  const program: Instruction[] = []
  const emit = (instruction: Instruction) => {
    if (program.length >= MAX_PROGRAM) fail(`has more than ${MAX_PROGRAM} steps, repetitions written out`)
    return program.push(instruction) - 1
  }
  let visits = 0
  const write = (node: Node): void => {
    // Groups of nothing can be repeated without an instruction.
    if (++visits > 10 * MAX_PROGRAM) fail('repeats too much')
    if (node.kind === 'one' || node.kind === 'edge') emit(node)
    else if (node.kind === 'all') node.nodes.forEach(write)
    else if (node.kind === 'any') {
      const fork = emit({ kind: 'fork', targets: [] })
      const ends: number[] = []
      const starts = node.nodes.map((choice) => {
        const start = program.length
        write(choice)
        ends.push(emit({ kind: 'fork', targets: [] }))
        return start
      })
      program[fork] = { kind: 'fork', targets: starts }
      for (const end of ends) program[end] = { kind: 'fork', targets: [program.length] }
    } else {
      for (let i = 0; i < node.least; i++) write(node.node)
      if (node.most === Number.POSITIVE_INFINITY) {
        const fork = emit({ kind: 'fork', targets: [] })
        write(node.node)
        emit({ kind: 'fork', targets: [fork] })
        program[fork] = { kind: 'fork', targets: [fork + 1, program.length] }
        return
      }
      const forks: number[] = []
      for (let i = node.least; i < node.most; i++) {
        forks.push(emit({ kind: 'fork', targets: [] }))
        write(node.node)
      }
      for (const fork of forks) program[fork] = { kind: 'fork', targets: [fork + 1, program.length] }
    }
  }
  write(root)
  emit({ kind: 'match' })
  return program
}

function run(program: readonly Instruction[], text: string): string | null {
  /** For each instruction the leftmost start of a match that has come so far, and the round that it was reached in. */
  const starts = new Int32Array(program.length)
  const reached = new Int32Array(program.length).fill(-1)
  let live: { at: number; start: number }[] = []
  let best: { start: number; end: number } | null = null
  for (let position = 0; position <= text.length; position++) {
    const before = position > 0 ? text.charCodeAt(position - 1) : NONE
    const after = position < text.length ? text.charCodeAt(position) : NONE
    if (!best) live.push({ at: 0, start: position })
    const next: { at: number; start: number }[] = []
    // Earlier starts come first, so that the first to reach an instruction is the leftmost.
    for (const { at: first, start } of live) {
      const stack = [first]
      for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
        if (reached[at] === position && starts[at] <= start) continue
        reached[at] = position
        starts[at] = start
        const instruction = program[at]
        if (instruction.kind === 'fork') stack.push(...instruction.targets)
        else if (instruction.kind === 'edge') {
          if (instruction.holds(before, after)) stack.push(at + 1)
        } else if (instruction.kind === 'match') {
          if (!best || start <= best.start) best = { start, end: position }
        } else if (after !== NONE && instruction.test(after)) next.push({ at: at + 1, start })
      }
    }
    live = best ? next.filter(({ start }) => start <= (best?.start ?? 0)) : next
    live.sort((x, y) => x.start - y.start)
    if (best && live.length === 0) break
  }
  return best && text.slice(best.start, best.end)
}
