import { HoneError, showValue } from '../../base/index.ts'
import { checkSchema, faultOf, keywords, type Schema } from './schema.ts'
import type { Verifier } from './types.ts'

/** A longer answer is no JSON that is read. */
const MAX_ANSWER = 1_000_000

/** The JSON of an answer: the last fenced block where there is one, else the whole text. */
function jsonText(answer: string): string {
  const thought = answer.lastIndexOf('</think>')
  const text = thought < 0 ? answer : answer.slice(thought + 8)
  const close = text.lastIndexOf('```')
  const open = close > 0 ? text.lastIndexOf('```', close - 1) : -1
  if (open < 0) return text.trim()
  return text
    .slice(open + 3, close)
    .replace(/^(?:json|JSON)?[^\S\n]*\n?/, '')
    .trim()
}

function schemaOf(reference: unknown): Schema {
  let schema = reference
  if (typeof reference === 'string') {
    try {
      schema = JSON.parse(reference)
    } catch (cause) {
      throw new HoneError('E_REFERENCE', `the reference ${showValue(reference)} is no JSON, expected a schema`, {
        cause,
      })
    }
  }
  checkSchema(schema)
  return schema
}

export const jsonSchema: Verifier = {
  id: 'json-schema',
  about: "JSON, bare or in the last fenced block, that is valid by the reference's schema",
  takes: `a JSON Schema (draft 2020-12) of ${Object.keys(keywords).join(', ')}, and $ref into its own $defs`,
  verify({ answer, reference }) {
    const schema = schemaOf(reference)
    const extracted = jsonText(answer.slice(0, MAX_ANSWER + 1))
    if (extracted.length > MAX_ANSWER || answer.length > MAX_ANSWER)
      return { score: 0, correct: false, why: `the answer is longer than ${MAX_ANSWER} characters` }
    let value: unknown
    try {
      value = JSON.parse(extracted)
    } catch {
      return { score: 0, correct: false, extracted, why: 'the answer is no JSON' }
    }
    const fault = faultOf(value, schema)
    const correct = fault === null
    return { score: Number(correct), correct, extracted, why: fault ?? 'valid by the schema' }
  },
}
