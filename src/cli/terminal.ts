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
  /** A piece of a line of the answer, as it is made; `print` ends the line. The status line is given up. */
  write(piece: string): void
  /** A line about the work; nothing with `--quiet`. */
  note(line: string): void
  /** Said even with `--quiet`. */
  warn(line: string): void
  /**
   * How far the work is: one line that is written over and over on a terminal, elsewhere a line now and then, and none of
   * work that takes no time. '' says that it is done.
   */
  status(line: string): void
}

/** Milliseconds until the first line of progress where there is no terminal, and between two. */
const firstLine = 1000
const nextLine = 5000

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
  const lines = occasionally((line) => process.stderr.write(`${line}\n`))
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
    write(piece) {
      if (json) return
      draw('')
      process.stdout.write(piece)
    },
    note: (line) => {
      if (!quiet) say(line)
    },
    warn: say,
    status(line) {
      if (isLive) draw(line.slice(0, Math.max(0, (width() ?? 80) - 1)))
      else if (!quiet) lines(line)
    },
  }
}

/** Says the latest of many lines once in a while; an empty one drops what is not yet said. */
function occasionally(say: (line: string) => void): (line: string) => void {
  let latest = ''
  let wait = firstLine
  let timer: NodeJS.Timeout | undefined
  return (line) => {
    latest = line
    if (line === '') {
      clearTimeout(timer)
      timer = undefined
      return
    }
    timer ??= setTimeout(() => {
      timer = undefined
      wait = nextLine
      say(latest)
    }, wait).unref()
  }
}
