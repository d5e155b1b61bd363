import type { z } from 'zod'
import type { Terminal } from './terminal.ts'

export type Json = Record<string, unknown>

/** What a verb gives back: the document of `--json`, and how the process ends. */
export interface Outcome {
  document: Json | readonly object[]
  exitCode?: number
}

/**
 * One verb of the command line. Its schema is the single list of its keys: flags, key=value words, the file of
 * `--config` and the help are all made from it.
 */
export interface Verb<S extends z.ZodObject = z.ZodObject> {
  summary: string
  options: S
  /** Keys that the help shows first; the others come under a heading of their own. */
  main: readonly (keyof z.output<S> & string)[]
  /** The key that takes words which are no key=value. */
  words?: keyof z.output<S> & string
  /** Placeholder of a key's value in the help, where its type says too little. */
  placeholders?: Partial<Record<keyof z.output<S> & string, string>>
  /** Command lines that work on the shipped model as they stand. */
  example: readonly string[]
  run(options: z.output<S>, terminal: Terminal): Promise<Outcome>
}

/** Keeps the schema's types while a verb is stored among others. */
export function verb<S extends z.ZodObject>(definition: Verb<S>): Verb {
  return definition as unknown as Verb
}
