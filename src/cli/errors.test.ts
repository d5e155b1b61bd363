import { Command, type CommanderError } from 'commander'
import { expect, test } from 'vitest'
import { HoneError } from '../base/index.ts'
import { explain, fromCommander } from './errors.ts'

test('an error on purpose is told in two parts, without a stack', () => {
  const error = new HoneError('E_X', 'got 1, expected 2', { help: 'Give 2.\nOr 3.' })
  const { exitCode, lines, document } = explain(error, { debug: false })
  expect(exitCode).toBe(2)
  expect(lines).toEqual(['error: got 1, expected 2', 'help: Give 2.', 'help: Or 3.'])
  expect(document).toEqual({ error: { code: 'E_X', message: 'got 1, expected 2', help: 'Give 2.\nOr 3.' } })
})

test('the stack comes on request', () => {
  const lines = (debug: boolean) => explain(new HoneError('E_X', 'm'), { debug }).lines.join('\n')
  expect(lines(false)).not.toMatch(/\n\s+at /)
  expect(lines(true)).toMatch(/\n\s+at /)
})

test('a fault of the program is one, and says so', () => {
  const { exitCode, lines } = explain(new TypeError('x is undefined'), { debug: false })
  expect(exitCode).toBe(1)
  expect(lines.join('\n')).toMatch(/fault of hone/)
  expect(explain('thrown text', { debug: true }).lines).toEqual(['error: thrown text'])
})

test('whatever breaks after Ctrl-C is Ctrl-C', () => {
  const fired = AbortSignal.abort()
  expect(explain(new Error('SIGINT'), { debug: false, signal: fired }).exitCode).toBe(130)
  expect(explain(new HoneError('E_NOT_FOUND', 'm'), { debug: false, signal: fired }).exitCode).toBe(2)
})

test('unknown flags get the nearest one', () => {
  const command = new Command('verb').exitOverride().configureOutput({ writeErr: () => {} })
  command.option('--learning-rate <x>')
  const wrong = (flag: string) => {
    try {
      command.parse([flag, '1'], { from: 'user' })
      throw new Error('taken')
    } catch (error) {
      return fromCommander(error as CommanderError, 'hone verb', ['learning-rate'])
    }
  }
  expect(wrong('--learnin-rate')).toMatchObject({
    message: "unknown option '--learnin-rate'",
    help: 'Did you mean --learning-rate?',
  })
  expect(wrong('--learningRate').help).toBe('Did you mean --learning-rate?')
  expect(wrong('--zzz').help).toBe('`hone verb --help` lists what there is.')
})
