import { Command } from 'commander'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { addFlags, collectOptions, type Given } from './flags.ts'
import { type Json, verb } from './verb.ts'

const sample = verb({
  summary: 'a verb',
  options: z.strictObject({
    model: z.string(),
    paths: z.array(z.string()).default([]).describe('where to look'),
    data: z.union([z.string(), z.array(z.string())]).default('d'),
    learningRate: z.number().positive().nullable().default(null),
    topK: z.int().default(0),
    mode: z.enum(['a', 'b']).default('a'),
    fast: z.boolean().default(false),
    seed: z.int().default(0),
  }),
  main: ['model'],
  words: 'paths',
  example: ['hone verb --model tiny'],
  run: async () => ({ document: {} }),
})

/** As `main` does: commander reads the flags, and all places are merged. */
function read(line: string[], file?: Given['file']): Json {
  const command = new Command('verb').argument('[words...]').exitOverride()
  addFlags(command, sample)
  let given: Given = { flags: {}, words: [] }
  command.action((words: string[], flags: Json) => {
    given = { flags, words, file }
  })
  command.parse(line, { from: 'user' })
  return collectOptions('verb', sample, given)
}

test('defaults are filled in, and flags, words and file each give every key', () => {
  const all = { model: 'm', learningRate: 0.5, topK: 3, mode: 'b', fast: true, seed: 7, data: 'x', paths: ['p'] }
  expect(read(['--model', 'm'])).toMatchObject({ model: 'm', paths: [], data: 'd', learningRate: null, fast: false })
  expect(
    read([
      '--model',
      'm',
      '--learning-rate',
      '0.5',
      '--top-k',
      '3',
      '--mode',
      'b',
      '--fast',
      '--seed',
      '7',
      '--data',
      'x',
      'p',
    ]),
  ).toEqual(all)
  expect(
    read(['model=m', 'learningRate=5e-1', 'topK=3', 'mode=b', 'fast=true', 'seed=7', 'data=x', 'paths=["p"]']),
  ).toEqual(all)
  expect(read([], { name: 'f.yaml', content: all })).toEqual(all)
})

test('flags win over words, words over the file', () => {
  const file = { name: 'f.yaml', content: { model: 'file', topK: 1, seed: 1 } }
  expect(read(['topK=2', 'seed=2', '--seed', '3'], file)).toMatchObject({ model: 'file', topK: 2, seed: 3 })
})

test('null takes a key back to nothing', () => {
  const file = { name: 'f.yaml', content: { model: 'm', learningRate: 1 } }
  expect(read(['learningRate=null'], file).learningRate).toBeNull()
})

test('a text that looks like a number stays a text as a flag', () => {
  expect(read(['--model', '123']).model).toBe('123')
})

test('flags of lists are collected; one text and a list of one stand for each other', () => {
  expect(read(['--model', 'm', '--data', 'a', '--data', 'b']).data).toEqual(['a', 'b'])
  expect(read(['--model', 'm', 'data=["a"]']).data).toBe('a')
  expect(read(['--model', 'm', 'paths=p']).paths).toEqual(['p'])
})

test('words with = before any other sign are keys, the others go to the verb', () => {
  expect(read(['--model', 'm', './a=b', 'topK=1', '1=2', 'c'])).toMatchObject({ paths: ['./a=b', '1=2', 'c'], topK: 1 })
})

test.each<[string, string[], Given['file'] | undefined, RegExp]>([
  [
    'an unknown word',
    ['--model', 'm', 'learningrate=1'],
    undefined,
    /the command line: unknown key "learningrate": did you mean learningRate\?/,
  ],
  [
    'an unknown key in a file',
    ['--model', 'm'],
    { name: 'f.yaml', content: { topk: 1 } },
    /f\.yaml: unknown key "topk": did you mean topK\?/,
  ],
  [
    'a value out of range',
    ['--model', 'm', '--learning-rate', '-1'],
    undefined,
    /learningRate: got -1, expected more than 0/,
  ],
  [
    'a value of another type in a file',
    [],
    { name: 'f.yaml', content: { model: 5 } },
    /f\.yaml: model: got 5 \(number\), expected a text/,
  ],
  ['a choice that is none', ['--model', 'm', '--mode', 'c'], undefined, /mode: got "c", expected one of a, b/],
  ['what is missing', ['topK=1'], undefined, /hone verb needs --model/],
])('%s is named', (_, line, file, message) => {
  expect(() => read(line, file)).toThrow(message)
})

test('a verb that draws nothing takes a seed all the same', () => {
  const other = { ...sample, options: z.strictObject({ model: z.string() }), words: undefined }
  expect(collectOptions('verb', other, { flags: { model: 'm', seed: '4' }, words: [] })).toEqual({ model: 'm' })
  expect(() => collectOptions('verb', other, { flags: { model: 'm' }, words: ['stray'] })).toThrow(/expected key=value/)
})

test('the help shows main keys as flags and the others as they are written', () => {
  const command = new Command('verb')
  addFlags(command, sample)
  const help = command.helpInformation()
  expect(help).toMatch(/--model <TEXT>/)
  expect(help).toMatch(/Keys[^\n]*:\n.*learningRate=NUMBER/s)
  expect(help).toMatch(/mode=a\|b +\(default a\)/)
  expect(help).not.toMatch(/--paths/)
})
