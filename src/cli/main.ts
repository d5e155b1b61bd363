import { Command, type CommanderError } from 'commander'
import { HoneError, joinPath, platform } from '../base/index.ts'
import { readConfigFile } from './config-file.ts'
import { explain, fromCommander, isCommanderError } from './errors.ts'
import { addFlags, collectOptions } from './flags.ts'
import { openTerminal } from './terminal.ts'
import type { Json, Outcome, Verb } from './verb.ts'
import { groups, listVerbs, openGroups, type VerbEntry } from './verbs.ts'

/** Runs one command line and ends the process with its exit code: 0, 1 (a fault of hone), 2 (bad input), 130 (Ctrl-C). */
export async function main(argv: readonly string[]): Promise<void> {
  ignoreClosedPipes()
  const signal = stopOnSignals()
  const options = { json: argv.includes('--json'), debug: argv.includes('--debug'), signal }
  const end = async (exitCode: number, document: Outcome['document'] | null) => {
    if (options.json && document) await write(process.stdout, `${JSON.stringify(document)}\n`)
    await Promise.all([write(process.stdout, ''), write(process.stderr, '')])
    process.exit(exitCode)
  }
  const fail = (error: unknown) => {
    const { lines, exitCode, document } = explain(error, options)
    openTerminal({ ...options, quiet: true }).warn(lines.join('\n'))
    return end(exitCode, document)
  }
  process.once('uncaughtException', fail)
  // Only reached with `main` still waiting for something that can no longer come.
  process.once('beforeExit', () => fail(new Error('the work came to a halt before its end')))
  try {
    const outcome = await dispatch(argv, signal)
    await end(outcome?.exitCode ?? 0, outcome?.document ?? null)
  } catch (error) {
    await fail(error)
  }
}

/** Finds the verb, reads its options from flags, words and file, and runs it. Null where help was printed. */
async function dispatch(argv: readonly string[], signal: AbortSignal): Promise<Outcome | null> {
  const words = argv[0] === 'help' ? [...argv.slice(1), '--help'] : [...argv]
  const verbs = await listVerbs(words)
  const found = findVerb(verbs, words)
  const verb = found ? await found.load() : null
  const program = new Command('hone').description('post-train language models on this machine')
  program.helpCommand(false).version(await version(), '--version')
  let given: { flags: Json; words: string[] } | null = null
  const commands = [program]
  for (const group of openGroups) if (words[0] !== group) addGroup(program, group, commands)
  for (const entry of verbs) {
    const command = place(program, entry, commands)
    if (entry !== found || !verb) continue
    command.usage(`[options] ${verb.words ? `[${verb.placeholders?.[verb.words]}] ` : ''}[key=value…]`)
    command.description(verb.summary).argument('[words...]')
    command.addHelpText('after', `\nExample:\n${verb.example.map((line) => `  ${line}`).join('\n')}`)
    addFlags(command, verb)
    command.action((rest: string[], flags: Json) => {
      given = { flags, words: rest }
    })
  }
  let flags: readonly string[] = []
  for (const command of commands) {
    command.exitOverride().configureOutput({ writeErr: () => {}, outputError: () => {} })
    if (command.options.length > flags.length) flags = command.options.flatMap((o) => o.long?.slice(2) ?? [])
  }
  try {
    await program.parseAsync(words, { from: 'user' })
  } catch (error) {
    if (!isCommanderError(error)) throw error
    if (error.exitCode === 0) return null
    throw usage(error, found, words, program, flags)
  }
  if (!given || !verb || !found) return null
  return run(found, verb, given, signal)
}

async function run(
  { name }: VerbEntry,
  verb: Verb,
  given: { flags: Json; words: string[] },
  signal: AbortSignal,
): Promise<Outcome> {
  const { flags } = given
  const path = flags['config'] as string | undefined
  const file = path === undefined ? undefined : { name: path, content: await readConfigFile(path) }
  const options = collectOptions(name, verb, { ...given, file })
  const is = (flag: string) => flags[flag] === true
  const terminal = openTerminal({ json: is('json'), quiet: is('quiet'), debug: is('debug'), signal })
  try {
    return await verb.run(options as never, terminal)
  } finally {
    terminal.status('')
  }
}

const findVerb = (verbs: readonly VerbEntry[], words: readonly string[]): VerbEntry | undefined =>
  verbs.find(({ name }) => name.split(' ').every((part, i) => words[i] === part))

/** Makes the command of a verb, and that of its group where it is the first of one. */
function place(program: Command, { name, summary }: VerbEntry, commands: Command[]): Command {
  const add = (parent: Command, word: string, text: string) => {
    const command = parent.command(word).description(text).allowExcessArguments(false).helpCommand(false)
    commands.push(command)
    return command
  }
  const [first, second] = name.split(' ')
  if (!second) return add(program, first, summary)
  const group = program.commands.find((command) => command.name() === first) ?? addGroup(program, first, commands)
  return add(group, second, summary)
}

function addGroup(program: Command, name: string, commands: Command[]): Command {
  const group = program.command(name).description(groups[name]).allowExcessArguments(false).helpCommand(false)
  commands.push(group)
  return group
}

function usage(
  error: CommanderError,
  found: VerbEntry | undefined,
  words: readonly string[],
  program: Command,
  flags: readonly string[],
): HoneError {
  const group = program.commands.find((command) => command.name() === words[0])
  const command = found ? `hone ${found.name}` : group ? `hone ${words[0]}` : 'hone'
  // Commander says this by printing the help to stderr, which an error document has no room for.
  if (error.code === 'commander.help') {
    const names = (group ?? program).commands.map((inner) => inner.name()).join(', ')
    return new HoneError('E_USAGE', `${command} needs a verb: ${names}`, { help: `Try \`${command} --help\`.` })
  }
  return fromCommander(error, command, flags)
}

async function version(): Promise<string> {
  const text = await platform().readText(joinPath(platform().packageRoot(), 'package.json'))
  return String((JSON.parse(text) as Json)['version'])
}

/** The first Ctrl-C asks the work to stop where it can be resumed; the second ends the process at once. */
function stopOnSignals(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130)
      controller.abort(new Error(name))
    })
  }
  return controller.signal
}

/** A reader that has gone away (`hone runs | head`) ends the output, and is no fault. */
function ignoreClosedPipes(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  process.stderr.on('error', () => {})
}

const write = (stream: NodeJS.WriteStream, text: string): Promise<void> =>
  new Promise((resolve) => {
    stream.write(text, () => resolve())
  })
