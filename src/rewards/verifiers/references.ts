import { HoneError, showValue } from '../../base/index.ts'

/**
 * A reference of one or several accepted texts; numbers count as their digits.
 * @throws HoneError E_REFERENCE
 */
export function texts(reference: unknown): string[] {
  const list = Array.isArray(reference) ? reference : [reference]
  if (list.length > 0 && list.every((item) => typeof item === 'string' || Number.isFinite(item)))
    return list.map(String)
  throw new HoneError('E_REFERENCE', `the reference is ${showValue(reference)}, expected a text or a list of texts`)
}
