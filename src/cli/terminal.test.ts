import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openTerminal, type TerminalOptions } from './terminal.ts'

let out = ''
let err = ''
const isTTY = process.stderr.isTTY
const columns = process.stderr.columns

beforeEach(() => {
  vi.useFakeTimers()
  out = ''
  err = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((out += text)))
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((err += text)))
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  vi.unstubAllEnvs()
  process.stderr.isTTY = isTTY
  process.stderr.columns = columns
})

const open = (isLive: boolean, more: Partial<TerminalOptions> = {}) => {
  process.stderr.isTTY = isLive
  process.stderr.columns = 20
  return openTerminal({ json: false, quiet: false, debug: false, signal: new AbortController().signal, ...more })
}

test('on a pipe, work that is soon done says nothing, and long work says its latest line now and then', () => {
  const { status } = open(false)
  status('quick')
  status('')
  vi.advanceTimersByTime(10_000)
  expect(err).toBe('')
  for (let second = 0; second < 12; second++) {
    status(`at ${second}`)
    vi.advanceTimersByTime(1000)
  }
  expect(err).toBe('at 0\nat 5\nat 10\n')
  status('')
  vi.advanceTimersByTime(10_000)
  expect(err).toBe('at 0\nat 5\nat 10\n')
})

test('on a terminal the line is written over, cut to the width, and comes back after what is said between', () => {
  const { status, note, print } = open(true)
  status('a line that is longer than the terminal is wide')
  expect(err).toBe('\r\u001b[2Ka line that is long')
  err = ''
  note('said')
  expect(err).toBe('\r\u001b[2Ksaid\n\r\u001b[2Ka line that is long')
  err = ''
  print('answer')
  expect([out, err]).toEqual(['answer\n', '\r\u001b[2K\r\u001b[2Ka line that is long'])
  err = ''
  status('')
  status('')
  expect(err).toBe('\r\u001b[2K')
})

test('quiet leaves warnings, json leaves stdout to the document', () => {
  for (const isLive of [true, false]) {
    const quiet = open(isLive, { quiet: true, json: true })
    quiet.status('x')
    quiet.note('x')
    quiet.print('x')
    vi.advanceTimersByTime(10_000)
  }
  expect([out, err]).toEqual(['', ''])
  open(true, { quiet: true }).warn('heard')
  expect(err).toBe('heard\n')
})

test('colour needs a terminal and no NO_COLOR', () => {
  vi.stubEnv('NO_COLOR', '')
  vi.stubEnv('TERM', 'xterm')
  expect([open(true).color, open(false).color]).toEqual([true, false])
  vi.stubEnv('NO_COLOR', '1')
  expect(open(true).color).toBe(false)
})
