/** Numbers as people read them. All functions give '–' for what is no finite number. */

const none = '–'

/** About four significant digits, without needless zeros: 1.234, 0.01235, 2e-5, 12346. */
export function formatNumber(value: number | null | undefined, digits = 4): string {
  if (typeof value !== 'number' || !Number.isFinite(value)) return none
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size < 1e-3 || size >= 1e7)
    return value
      .toExponential(Math.max(0, digits - 2))
      .replace(/\.?0+e\+?/, 'e')
      .replace('e+', 'e')
  if (size >= 10 ** (digits - 1)) return value.toFixed(0)
  return String(Number(value.toPrecision(digits)))
}

/** 950, 1.2k, 34k, 5.6M, 7.8G: three places at most. */
export function formatCount(value: number | null | undefined): string {
  if (typeof value !== 'number' || !Number.isFinite(value)) return none
  const units = ['', 'k', 'M', 'G', 'T']
  let size = Math.abs(value)
  let unit = 0
  while (unit < units.length - 1 && Number(size.toPrecision(3)) >= 1000) {
    size /= 1000
    unit++
  }
  const text = unit === 0 ? String(Math.round(size)) : String(Number(size.toPrecision(size < 10 ? 2 : 3)))
  return `${value < 0 ? '-' : ''}${text}${units[unit]}`
}

/** Seconds as 0.4s, 42s, 3m05s, 2h07m, 4d03h. */
export function formatDuration(seconds: number | null | undefined): string {
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds < 0) return none
  if (seconds < 9.95) return `${Number(seconds.toFixed(1))}s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole}s`
  const two = (value: number) => String(value).padStart(2, '0')
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`
  const minutes = Math.round(whole / 60)
  if (minutes < 1440) return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`
  const hours = Math.round(minutes / 60)
  return `${Math.floor(hours / 24)}d${two(hours % 24)}h`
}

/** A share from 0 to 1 as 12.3 %, its space unbreakable. */
export function formatShare(share: number | null | undefined): string {
  if (typeof share !== 'number' || !Number.isFinite(share)) return none
  return `${(100 * share).toFixed(1)}\u00a0%`
}
