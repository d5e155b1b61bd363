import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja'
import { HoneError, platform } from '../base/index.ts'

/** A compiled template, called with its variables. */
export type Render = (variables: Record<string, unknown>) => string

/**
 * Compiles a chat template with the settings and functions that `transformers` gives it: `trim_blocks`, `lstrip_blocks`, loop
 * controls, `raise_exception`, `strftime_now`, `range`, `tojson` without escaping.
 * @throws HoneError E_TEMPLATE when the source is no Jinja template or, on rendering, when the template refuses the messages.
 */
export function compileJinja(source: string): Render {
  const program = explained('the chat template does not parse', () =>
    parse(tokenize(source, { trim_blocks: true, lstrip_blocks: true })),
  )
  return (variables) =>
    explained('the chat template cannot render these messages', () => {
      const environment = new Environment()
      for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value)
      return String(new Interpreter(environment).run(program).value)
    })
}

function explained<T>(what: string, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    if (cause instanceof HoneError) throw cause
    throw new HoneError('E_TEMPLATE', `${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

// Not `Template` of the library, since its own `strftime_now` names months in the machine's language.
const globals = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  range,
  strftime_now: (format: string) => strftime(new Date(platform().now()), format),
  raise_exception: (message: string) => {
    throw new HoneError('E_TEMPLATE', `the chat template refuses these messages: ${message}`)
  },
}

function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second == null ? [0, first] : [first, second]
  if (step === 0) throw new RangeError('range() with a step of zero')
  const length = Math.max(0, Math.ceil((stop - start) / step))
  if (length > 1e6) throw new RangeError(`range() of ${length} numbers`)
  return Array.from({ length }, (_, i) => start + i * step)
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
]

/** The codes of C's strftime in its own locale, local time; a code that is not known stays as it is. */
export function strftime(date: Date, format: string): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const hour12 = date.getHours() % 12 || 12
  const codes: Record<string, () => string> = {
    Y: () => String(date.getFullYear()),
    y: () => two(date.getFullYear() % 100),
    m: () => two(date.getMonth() + 1),
    d: () => two(date.getDate()),
    e: () => String(date.getDate()).padStart(2, ' '),
    B: () => MONTHS[date.getMonth()] as string,
    b: () => (MONTHS[date.getMonth()] as string).slice(0, 3),
    A: () => DAYS[date.getDay()] as string,
    a: () => (DAYS[date.getDay()] as string).slice(0, 3),
    H: () => two(date.getHours()),
    I: () => two(hour12),
    M: () => two(date.getMinutes()),
    S: () => two(date.getSeconds()),
    p: () => (date.getHours() < 12 ? 'AM' : 'PM'),
    j: () => String(dayOfYear(date)).padStart(3, '0'),
    F: () => strftime(date, '%Y-%m-%d'),
    T: () => strftime(date, '%H:%M:%S'),
    '%': () => '%',
  }
  // `-` takes leading zeros and spaces away.
  return format.replace(/%(-?)([A-Za-z%])/g, (whole, plain: string, code: string) => {
    const text = Object.hasOwn(codes, code) ? codes[code]?.() : undefined
    return text === undefined ? whole : plain ? text.replace(/^[0 ]+(?=.)/, '') : text
  })
}

function dayOfYear(date: Date): number {
  const start = Date.UTC(date.getFullYear(), 0, 1)
  return (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - start) / 86_400_000 + 1
}
