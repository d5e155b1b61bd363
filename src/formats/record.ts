/** A record, the bytes of one row, and what cuts a stream into them. */
import { HoneError } from '../base/index.ts'

export interface RowRecord {
  bytes: Uint8Array
  /** Where it begins in the (unpacked) file. */
  offset: number
  /** The line it begins on, from 1. */
  line: number
}

/** A longer row is refused: it is more likely a file without line ends than a row. */
export const MAX_ROW_BYTES = 64 << 20

/** A machine that is fed the stream piece by piece and gives the records that these complete. */
export interface RecordMachine {
  push(chunk: Uint8Array): RowRecord[]
  end(): RowRecord[]
}

/** Collects a record's bytes across pieces and refuses one that grows too long. */
export function collector(path: string) {
  let parts: Uint8Array[] = []
  let size = 0
  return {
    add(part: Uint8Array, line: number) {
      size += part.length
      if (size > MAX_ROW_BYTES)
        throw new HoneError('E_BAD_ROW', `${path}:${line}: a row of more than ${MAX_ROW_BYTES >> 20} MB`, {
          help: 'Is this a file with one row a line, with every quote closed?',
        })
      parts.push(part)
    },
    take(): Uint8Array {
      const whole = parts.length === 1 ? parts[0] : new Uint8Array(size)
      if (parts.length !== 1) {
        let at = 0
        for (const part of parts) {
          whole.set(part, at)
          at += part.length
        }
      }
      parts = []
      size = 0
      return whole
    },
    size: () => size,
  }
}
