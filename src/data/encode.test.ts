import { expect, test } from 'vitest'
import { chatml, fakeTokenizer } from '../../test/fake-text.ts'
import { packTree } from '../batch/index.ts'
import { type EncodeContext, type EncodedRow, encodeRow } from './encode.ts'
import { toRow } from './row-format.ts'

const tokenizer = fakeTokenizer()
const context: EncodeContext = { tokenizer, template: chatml(), maxLength: 1000 }
const row = (value: unknown) => toRow({ value, file: 'rows.jsonl', line: 7 }).row
const encode = (value: unknown, more: Partial<EncodeContext> = {}) =>
  encodeRow(row(value), { ...context, ...more }, 3) as EncodedRow

test('a pair', () => {
  const encoded = encode({ prompt: 'Name it:', chosen: ' ant', rejected: ' bee!' }, { objective: 'preference' })
  expect(encoded.input.segments.length).toBe(3)
  expect(packTree([encoded.input]).sequenceCount).toBe(2)
})
