import { HoneError, platform, showValue } from '../base/index.ts'
import { checkFormat, type Json, runFormat } from './layout.ts'

/** A line of events.jsonl: what a trainer said, and when. */
export interface RunEvent {
  type: string
}
/** `time` is in milliseconds since 1970. */
export type Timed<E> = E & { time: number }

export interface EventLog {
  /** Bytes of the file once all that was flushed is counted. */
  readonly bytes: number
  append(event: RunEvent): void
  /** Resolves when every event appended so far is on the disk. */
  flush(): Promise<void>
  /** Flushes, unless a failure was told of already. */
  close(): Promise<void>
}

const line = (event: Json): string => `${JSON.stringify(event)}\n`

/** First line of every events.jsonl. */
export const firstLine = (kind: string): string =>
  line({ format: runFormat, time: platform().now(), type: 'start', kind })

/**
 * Appends events to a file that has `bytes` bytes. Lines are gathered and written at least every `flushSeconds`.
 * After a write failed, every later call throws that failure: the file may end in half a line, which readers tolerate
 * and a resumed run cuts off.
 */
export function eventLog(path: string, bytes: number, flushSeconds = 1): EventLog {
  const encoder = new TextEncoder()
  let waiting = ''
  let failure: unknown = null
  let told = false
  let timer: ReturnType<typeof setTimeout> | null = null
  let queue: Promise<void> = Promise.resolve()

  const write = async () => {
    if (timer) clearTimeout(timer)
    timer = null
    if (failure) throw failure
    if (waiting === '') return
    const content = encoder.encode(waiting)
    waiting = ''
    try {
      await platform().append(path, content)
    } catch (error) {
      failure = error
      throw error
    }
    bytes += content.length
  }
  const flush = () => {
    const done = queue.then(write)
    queue = done.catch(() => {})
    return done
  }
  const tell = (error: unknown) => {
    told = true
    return error
  }
  const flushAndTell = () =>
    flush().catch((error) => {
      throw tell(error)
    })
  return {
    get bytes() {
      return bytes
    },
    append(event) {
      if (failure) throw tell(failure)
      waiting += line({ time: platform().now(), ...event })
      timer ??= setTimeout(() => void flush().catch(() => {}), flushSeconds * 1000)
    },
    flush: flushAndTell,
    close: async () => (told ? undefined : flushAndTell()),
  }
}

const maxLineBytes = 1 << 26

/** Splits a byte stream at newlines; the last piece is marked when no newline ends it. */
async function* splitLines(chunks: AsyncIterable<Uint8Array>, path: string) {
  let rest: Uint8Array[] = []
  let length = 0
  const take = (last: Uint8Array) => {
    const decoder = new TextDecoder()
    const text = rest.map((part) => decoder.decode(part, { stream: true })).join('') + decoder.decode(last)
    rest = []
    length = 0
    return text
  }
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      yield { text: take(chunk.subarray(start, end)), whole: true }
      start = end + 1
    }
    rest.push(chunk.subarray(start))
    length += chunk.length - start
    if (length > maxLineBytes) throw new HoneError('E_CORRUPT', `${path} has a line of more than ${maxLineBytes} bytes`)
  }
  const text = take(new Uint8Array())
  if (text !== '') yield { text, whole: false }
}

/**
 * Streams the events of a run, the first line aside. A half-written last line, as a killed process leaves it, is passed
 * over; a file that is not there gives none.
 * @throws E_CORRUPT naming file and line, E_FORMAT when it is of a newer version.
 */
export async function* readEvents<E extends RunEvent = RunEvent & Json>(path: string): AsyncGenerator<Timed<E>> {
  if ((await platform().stat(path))?.kind !== 'file') return
  let number = 0
  for await (const { text, whole } of splitLines(platform().stream(path, 'none'), path)) {
    number++
    if (text.trim() === '') continue
    let event: unknown
    try {
      event = JSON.parse(text)
    } catch (error) {
      if (!whole) return
      throw new HoneError('E_CORRUPT', `${path}:${number}: ${(error as Error).message}`, { cause: error })
    }
    if (typeof (event as RunEvent | null)?.type !== 'string') {
      throw new HoneError('E_CORRUPT', `${path}:${number}: got ${showValue(event)}, expected an event with a type`)
    }
    if (number === 1) checkFormat(event as Json, `${path}:1`)
    else yield event as Timed<E>
  }
}
