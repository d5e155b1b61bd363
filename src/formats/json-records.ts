/**
 * Cuts a JSON document into its rows as it streams by: the elements of the array at the top, or of the one array of
 * objects inside the object at the top. Elements are only delimited here and parsed one by one later.
 */
import { HoneError } from '../base/index.ts'
import { collector, type RecordMachine, type RowRecord } from './record.ts'

const code = (char: string) => char.charCodeAt(0)
const [QUOTE, BACKSLASH, COMMA, COLON] = ['"', '\\', ',', ':'].map(code)
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = ['[', ']', '{', '}'].map(code)
const LF = 0x0a
const isSpace = (byte: number) => byte === 0x20 || byte === LF || byte === 0x0d || byte === 0x09

/**
 * start: before the document · key: before a key or the end of the object · inKey · colon · value: before a key's value
 * skipped: inside a value that holds no rows · first: behind the '[' of a key's array · next: behind the '[' of the rows · item: behind a
 * row's ',' · element: inside a row · done: behind the document
 */
type State = 'start' | 'key' | 'inKey' | 'colon' | 'value' | 'skipped' | 'first' | 'next' | 'item' | 'element' | 'done'

export function jsonRecords(path: string, firstOffset: number, field?: string): RecordMachine {
  const held = collector(path)
  let state: State = 'start'
  let inObject = false
  let key = ''
  let rowsKey: string | null = null
  let keyBytes: number[] = []
  let depth = 0
  let inString = false
  let escaped = false
  let offset = firstOffset
  let line = 1
  let begin = { at: 0, line: 1 }

  const broken = (what: string) => new HoneError('E_BAD_ROW', `${path}:${line}: not valid JSON: ${what}`)
  const show = (byte: number) => JSON.stringify(String.fromCharCode(byte))

  /** Follows strings and brackets inside a value; true when `byte` stands outside all of them. */
  const outside = (byte: number): boolean => {
    if (inString) {
      if (escaped) escaped = false
      else if (byte === BACKSLASH) escaped = true
      else if (byte === QUOTE) inString = false
      return false
    }
    if (byte === QUOTE) inString = true
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) depth++
    else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      if (depth === 0) return true
      depth--
    } else return depth === 0
    return false
  }

  const enterRows = () => {
    if (rowsKey !== null)
      throw new HoneError('E_FORMAT', `${path} holds two arrays of objects, '${rowsKey}' and '${key}'`, {
        help: 'Name the one that holds the rows with the option field.',
      })
    rowsKey = key
  }

  /** One byte outside a row; returns true when a row begins with it. */
  const step = (byte: number): boolean => {
    if (state === 'inKey') {
      if (byte === QUOTE && !escaped) {
        key = parseKey(keyBytes)
        state = 'colon'
      } else {
        keyBytes.push(byte)
        if (keyBytes.length > 4096) throw broken('a key of more than 4096 bytes')
        escaped = byte === BACKSLASH && !escaped
      }
      return false
    }
    if (state === 'skipped') {
      if (!outside(byte) || (byte !== COMMA && byte !== CLOSE_OBJECT)) return false
      state = byte === COMMA ? 'key' : 'done'
      return false
    }
    if (isSpace(byte)) return false
    switch (state) {
      case 'start':
        if (byte !== OPEN_ARRAY && byte !== OPEN_OBJECT) throw broken(`it begins with ${show(byte)}`)
        inObject = byte === OPEN_OBJECT
        state = inObject ? 'key' : 'next'
        return false
      case 'key':
        if (byte === CLOSE_OBJECT) state = 'done'
        else if (byte === QUOTE) {
          keyBytes = []
          escaped = false
          state = 'inKey'
        } else if (byte !== COMMA) throw broken(`${show(byte)} where a key was expected`)
        return false
      case 'colon':
        if (byte !== COLON) throw broken(`${show(byte)} where ':' was expected`)
        state = 'value'
        return false
      case 'value':
        depth = 0
        inString = false
        if (byte === OPEN_ARRAY && (field === undefined || key === field)) state = 'first'
        else {
          state = 'skipped'
          outside(byte)
        }
        return false
      case 'first':
        // An array of anything but objects is a list of something else, unless it was asked for by name.
        if (byte === OPEN_OBJECT || (field !== undefined && byte !== CLOSE_ARRAY)) {
          enterRows()
          return true
        }
        state = 'skipped'
        depth = 1
        outside(byte)
        return false
      case 'next':
        if (byte !== CLOSE_ARRAY) return true
        state = inObject ? 'key' : 'done'
        return false
      case 'item':
        if (byte === CLOSE_ARRAY) throw broken('a row was expected behind the last comma')
        return true
      default:
        throw broken(`${show(byte)} follows the end of the document`)
    }
  }

  const push = (chunk: Uint8Array): RowRecord[] => {
    const records: RowRecord[] = []
    let from = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]
      if (state !== 'element') {
        if (step(byte)) {
          from = at
          begin = { at: offset + at, line }
          state = 'element'
          depth = 0
          inString = false
          escaped = false
        }
      }
      if (state === 'element' && outside(byte) && (byte === COMMA || byte === CLOSE_ARRAY)) {
        held.add(chunk.subarray(from, at), begin.line)
        records.push({ bytes: held.take(), offset: begin.at, line: begin.line })
        state = byte === COMMA ? 'item' : inObject ? 'key' : 'done'
      }
      if (byte === LF) line++
    }
    if (state === 'element') held.add(chunk.subarray(from), begin.line)
    offset += chunk.length
    return records
  }

  const end = (): RowRecord[] => {
    if (state === 'start') return []
    if (state !== 'done') throw broken('the file ends inside the document')
    if (inObject && rowsKey === null)
      throw new HoneError(
        'E_FORMAT',
        `${path} is a JSON object without ${field === undefined ? 'an array of objects' : `an array under '${field}'`}`,
        { help: 'Rows are an array of objects at the top or under one key; for one object a line, name it .jsonl.' },
      )
    return []
  }
  return { push, end }

  function parseKey(bytes: number[]): string {
    try {
      return JSON.parse(`"${new TextDecoder().decode(new Uint8Array(bytes))}"`)
    } catch (cause) {
      throw broken(`the key ${(cause as Error).message}`)
    }
  }
}
