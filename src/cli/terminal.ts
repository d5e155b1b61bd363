/** What the flags and the surroundings of one call say about how to speak. */
export interface TerminalOptions {
  json: boolean
  quiet: boolean
  debug: boolean
  signal: AbortSignal
}

/** Where a verb speaks: answers on stdout, everything else on stderr. */
export interface Terminal extends TerminalOptions {
  /** Columns of the terminal at stderr, null where there is none. */
  readonly columns: number | null
  readonly color: boolean
  /** A line of the answer; nothing with `--json`, whose document is the whole answer. */
  print(line: string): void
  /** A line about the work; nothing with `--quiet`. */
  note(line: string): void
  /** Said even with `--quiet`. */
  warn(line: string): void
  /** The line that is written over and over, on a terminal only; '' takes it away. */
  status(line: string): void
}

export function openTerminal(options: TerminalOptions): Terminal {
  const { json, quiet } = options
  const isLive = Boolean(process.stderr.isTTY) && !quiet
  const noColor = process.env['NO_COLOR']
  let current = ''

  const width = () => (isLive ? (process.stderr.columns ?? 80) : null)
  const draw = (line: string) => {
    if (!isLive || (line === '' && current === '')) return
    process.stderr.write(`\r\u001b[2K${line}`)
    current = line
  }
  const say = (line: string) => {
    const before = current
    draw('')
    process.stderr.write(`${line}\n`)
    draw(before)
  }
  return {
    ...options,
    get columns() {
      return width()
    },
    color: isLive && (noColor === undefined || noColor === '') && process.env['TERM'] !== 'dumb',
    print(line) {
      if (json) return
      const before = current
      draw('')
      process.stdout.write(`${line}\n`)
      draw(before)
    },
    note: (line) => {
      if (!quiet) say(line)
    },
    warn: say,
    status: (line) => draw(line.slice(0, Math.max(0, (width() ?? 80) - 1))),
  }
}
