import { HoneError, showValue } from '../base/index.ts'
import { type Json, resumableKeys } from './layout.ts'

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0

/** Text that two values share exactly when they are the same JSON, whatever the order of their keys. */
const canonical = (value: unknown): string | undefined =>
  JSON.stringify(value, (_, part) =>
    isObject(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
  )

/** Keys whose values differ, in dotted form, with both values; a key that one side lacks has `undefined` there. */
export function differingKeys(before: Json, now: Json, prefix = ''): { key: string; before: unknown; now: unknown }[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])]
  return keys.flatMap((name) => {
    const a = Object.hasOwn(before, name) ? before[name] : undefined
    const b = Object.hasOwn(now, name) ? now[name] : undefined
    const key = prefix + name
    if (isObject(a) && isObject(b)) return differingKeys(a, b, `${key}.`)
    return canonical(a) === canonical(b) ? [] : [{ key, before: a, now: b }]
  })
}

/**
 * What a resumed run may not change.
 * @throws E_CONFIG_CHANGED naming every key that differs, with both values.
 */
export function refuseChanges(out: string, before: Json, now: Json): void {
  const changed = differingKeys(before, now).filter(({ key }) => !resumableKeys.includes(key))
  if (changed.length === 0) return
  const lines = changed.map((c) => `${c.key}: the run has ${showValue(c.before)}, now ${showValue(c.now)}`)
  throw new HoneError('E_CONFIG_CHANGED', `${out} cannot go on with another configuration:\n  ${lines.join('\n  ')}`, {
    help: `Only ${resumableKeys.join(', ')} may change. Choose another output folder, or replace this one with --overwrite.`,
  })
}
