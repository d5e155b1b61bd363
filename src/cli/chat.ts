import { createInterface } from 'node:readline/promises'
import { HoneError } from '../base/index.ts'
import type { OpenModel } from '../engine/index.ts'
import { promptTokens } from '../evaluate/index.ts'
import type { Sampling, TextPiece } from '../generate/index.ts'
import type { Message } from '../text/index.ts'
import type { Terminal } from './terminal.ts'
import type { Json } from './verb.ts'

/**
 * A conversation at the terminal, or with the lines of stdin as turns. Ctrl-C ends it.
 * @throws HoneError E_NO_TEMPLATE, E_TOO_LONG once the conversation no longer fits the model's context
 */
export async function chat(
  open: OpenModel,
  sampling: Partial<Sampling>,
  system: string | undefined,
  terminal: Terminal,
): Promise<Json> {
  if (!open.template) {
    throw new HoneError('E_NO_TEMPLATE', `${open.folder} has no chat template, expected one for --chat`, {
      help: 'Use --prompt to continue a text.',
    })
  }
  const { signal } = terminal
  const isLive = Boolean(process.stdin.isTTY)
  const prompt = terminal.color ? '\u001b[1m›\u001b[0m ' : '› '
  const lines = createInterface({ input: process.stdin, output: isLive ? process.stderr : undefined, prompt })
  // In raw mode the terminal hands Ctrl-C to the line reader instead of making a signal of it: this passes it on.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  signal.addEventListener('abort', () => lines.close(), { once: true })
  let messages: Message[] = []
  let round = 0
  const ask = () => {
    if (isLive) lines.prompt()
  }
  if (isLive) terminal.note('An empty line or Ctrl-D ends the chat, /clear begins a new one.')
  ask()
  for await (const line of lines) {
    if (line.trim() === '' || line.trim() === '/exit') break
    if (line.trim() === '/clear') messages = []
    else {
      messages.push({ role: 'user', content: line })
      const answer = await reply(open, messages, { ...sampling, n: 1, round: round++ }, system, terminal)
      if (answer === null) break
      messages.push({ role: 'assistant', content: answer })
      terminal.print('')
    }
    ask()
  }
  lines.close()
  return { messages }
}

/** Draws an answer and shows it while it is drawn. */
async function reply(
  open: OpenModel,
  messages: Message[],
  sampling: Partial<Sampling>,
  system: string | undefined,
  terminal: Terminal,
): Promise<string | null> {
  const tokens = promptTokens(open, { messages }, { system })
  terminal.status('…')
  try {
    const options = { signal: terminal.signal, onText: ({ text }: TextPiece) => terminal.write(text) }
    for await (const { text } of open.engine.sample([{ tokens }], sampling, options)) return text
    return null
  } catch (error) {
    if (terminal.signal.aborted) return null
    throw error
  } finally {
    terminal.status('')
  }
}
