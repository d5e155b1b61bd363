import { CommanderError } from 'commander'
import { closest, HoneError } from '../base/index.ts'
import type { Json } from './verb.ts'

/** Commander's complaints in the form of all others. */
export function fromCommander(error: CommanderError, command: string, flags: readonly string[]): HoneError {
  const [first] = error.message.replace(/^error: /, '').split('\n')
  const wrong = /^unknown option '(--?[^'=]*)/.exec(first)?.[1]
  const near = wrong && closest(wrong.replace(/^-+/, ''), flags)
  const suggested = near ? `--${near}` : /Did you mean (?:one of )?([^?]*)\?/.exec(error.message)?.[1]
  const help = suggested ? `Did you mean ${suggested}?` : `\`${command} --help\` lists what there is.`
  return new HoneError('E_USAGE', first, { help, cause: error })
}

export interface Failure {
  exitCode: number
  /** Lines for stderr. */
  lines: string[]
  document: Json
}

/** How an error is told: what was got and expected, then what to do; the stack only on request. */
export function explain(error: unknown, { debug, signal }: { debug: boolean; signal?: AbortSignal }): Failure {
  const stack = debug && error instanceof Error && error.stack ? [error.stack] : []
  if (error instanceof HoneError) {
    const { code, message, help, exitCode } = error
    const lines = [`error: ${message}`, ...(help ? help.split('\n').map((line) => `help: ${line}`) : []), ...stack]
    return { exitCode, lines, document: { error: { code, message, help: help ?? null } } }
  }
  const message = error instanceof Error ? error.message : String(error)
  if (signal?.aborted) {
    return {
      exitCode: 130,
      lines: ['stopped', ...stack],
      document: { error: { code: 'E_ABORTED', message, help: null } },
    }
  }
  const help = 'This is a fault of hone, not of your input; --debug shows where it arose.'
  const lines = [`error: ${message}`, ...(debug ? [] : [`help: ${help}`]), ...stack]
  return { exitCode: 1, lines, document: { error: { code: 'E_INTERNAL', message, help } } }
}

export const isCommanderError = (error: unknown): error is CommanderError => error instanceof CommanderError
