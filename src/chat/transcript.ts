import { parentPath, platform } from '../base/index.ts'
import { type EventLog, eventLog, firstLine } from '../runs/events.ts'
import { requestBody } from './endpoint.ts'
import type { ChatAnswer, ChatRequest } from './types.ts'

/** One question and what came of it, a line of the transcript; `time` is added. */
export interface TranscriptEntry {
  type: 'chat'
  hash: string
  endpoint: string
  /** As sent, the messages included. */
  request: Record<string, unknown>
  sample: number
  text: string | null
  finish: string | null
  usage: ChatAnswer['usage'] | null
  latency_ms: number
  retries: number
  cached: boolean
  error: { code: string; message: string } | null
}

export interface Transcript {
  append(entry: TranscriptEntry): void
  close(): Promise<void>
}

export const noTranscript: Transcript = { append: () => {}, close: async () => {} }

/**
 * A JSONL file that grows by a line for each question, in the form of a run's events; calls of several programs may follow one
 * another in it. Half a line, left by one that was killed, is cut off.
 */
export async function openTranscript(path: string): Promise<Transcript> {
  await platform().makeFolder(parentPath(path))
  const log = eventLog(path, await prepare(path))
  return { append: (entry) => log.append(entry as Parameters<EventLog['append']>[0]), close: () => log.close() }
}

/** The file's size after it has its first line and ends with a whole one. */
async function prepare(path: string): Promise<number> {
  const size = (await platform().stat(path))?.size ?? 0
  const whole = size === 0 ? 0 : await wholeLines(path, size)
  if (whole < size) await platform().truncate(path, whole)
  if (whole > 0) return whole
  const first = firstLine('chat')
  await platform().append(path, first)
  return new TextEncoder().encode(first).length
}

async function wholeLines(path: string, size: number): Promise<number> {
  const reader = await platform().open(path)
  try {
    const step = 1 << 16
    for (let end = size; end > 0; end -= step) {
      const from = Math.max(0, end - step)
      const at = (await reader.read(from, end - from)).lastIndexOf(10)
      if (at >= 0) return from + at + 1
    }
    return 0
  } finally {
    await reader.close()
  }
}

/** The line of a question to `endpoint`. */
export function transcriptEntry(
  { endpoint, model, hash, request }: { endpoint: string; model: string; hash: string; request: ChatRequest },
  answer: ChatAnswer | null,
  failure: Pick<TranscriptEntry, 'latency_ms' | 'retries' | 'error'> | null = null,
): TranscriptEntry {
  return {
    type: 'chat',
    ...{ hash, endpoint, request: requestBody(model, request), sample: request.sample ?? 0 },
    text: answer?.text ?? null,
    finish: answer?.finish ?? null,
    usage: answer?.usage ?? null,
    latency_ms: answer?.latencyMs ?? failure?.latency_ms ?? 0,
    retries: answer?.retries ?? failure?.retries ?? 0,
    cached: answer?.isCached ?? false,
    error: failure?.error ?? null,
  }
}
