import { HoneError, platform } from '../../base/index.ts'
import { builtins } from './builtins.ts'
import { interpret } from './interpreter.ts'
import { parse } from './parser.ts'
import { strftime } from './strftime.ts'
import { type Callable, fromJson, toText, type Value } from './values.ts'

/** A compiled template, called with its variables, plain data; `marks` are printed around what `generation` blocks print. */
export interface JinjaTemplate {
  readonly hasGeneration: boolean
  render(variables: Record<string, unknown>, marks?: { open: string; close: string }): string
}

/**
 * Compiles a chat template: Jinja 3.1 as `transformers` sets it up, with `trim_blocks`, `lstrip_blocks`, loop controls,
 * `generation` blocks, `raise_exception`, `strftime_now` and a `tojson` that leaves all characters as they are. Values print,
 * compare and calculate as Python's do.
 * @throws HoneError E_TEMPLATE when the source is no Jinja template or, on rendering, when the template refuses the messages.
 */
export function compileJinja(source: string): JinjaTemplate {
  const program = explained('the chat template does not parse', () => parse(source))
  return {
    hasGeneration: JSON.stringify(program).includes('"kind":"generation"'),
    render: (variables, marks) =>
      explained('the chat template cannot render these messages', () => {
        const given = Object.entries(variables).map(([name, value]): [string, Value] => [name, fromJson(value)])
        return interpret(program, new Map([...builtins, ...functions, ...given]), marks)
      }),
  }
}

const functions: [string, Callable][] = [
  ['strftime_now', ([format]) => strftime(new Date(platform().now()), toText(format))],
  [
    'raise_exception',
    ([message]) => {
      throw new HoneError('E_TEMPLATE', `the chat template refuses these messages: ${toText(message)}`)
    },
  ],
]

function explained<T>(what: string, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    if (cause instanceof HoneError) throw cause
    throw new HoneError('E_TEMPLATE', `${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}
