import { beyond, undefinedValue } from './exact.ts'

/** A complex number in doubles, with the size of what it was made of: its error is some 1e-16 times that, cancellation or not. */
export interface Numeric {
  re: number
  im: number
  size: number
}

export const size = ({ re, im }: { re: number; im: number }) => Math.hypot(re, im)

export function numeric(re: number, im = 0, of = Math.hypot(re, im)): Numeric {
  const value = { re, im, size: Math.max(of, Math.hypot(re, im)) }
  if (!Number.isFinite(value.size)) throw undefinedValue
  return value
}

/** Whether two values differ by no more than rounding. */
export function near(x: Numeric, y: Numeric): boolean {
  return Math.hypot(x.re - y.re, x.im - y.im) <= 1e-11 * Math.max(x.size, y.size)
}

export const negate = (x: Numeric) => ({ ...x, re: -x.re, im: -x.im })

export const add = (x: Numeric, y: Numeric) => numeric(x.re + y.re, x.im + y.im, Math.max(x.size, y.size))

export const multiply = (x: Numeric, y: Numeric) =>
  numeric(x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re, x.size * y.size)

export function invert(x: Numeric): Numeric {
  const square = x.re * x.re + x.im * x.im
  if (square === 0 || Math.sqrt(square) < 1e-13 * x.size) throw undefinedValue
  return numeric(x.re / square, -x.im / square, x.size / square)
}

export const divide = (x: Numeric, y: Numeric) => multiply(x, invert(y))

export const exp = (x: Numeric) => {
  const scale = Math.exp(x.re)
  return numeric(scale * Math.cos(x.im), scale * Math.sin(x.im), scale * Math.max(1, x.size))
}

export function log(x: Numeric): Numeric {
  const length = size(x)
  if (length === 0) throw undefinedValue
  return numeric(Math.log(length), Math.atan2(x.im, x.re), Math.max(1, x.size / length))
}

export function power(base: Numeric, exponent: Numeric): Numeric {
  const length = size(base)
  if (length === 0) {
    if (exponent.re < 0 || exponent.im !== 0) throw undefinedValue
    return numeric(exponent.re === 0 ? 1 : 0, 0, base.size)
  }
  const isWhole = exponent.im === 0 && Number.isInteger(exponent.re)
  if (base.im === 0 && exponent.im === 0 && (base.re > 0 || isWhole)) {
    const value = base.re ** exponent.re
    return numeric(value, 0, Math.abs(value) * Math.max(1, size(exponent)) * (base.size / length))
  }
  return exp(multiply(log(base), exponent))
}

/** The real root of a negative number for odd degrees, else the principal one. */
export function root(x: Numeric, degree: Numeric): Numeric {
  if (degree.im !== 0 || degree.re === 0) throw undefinedValue
  if (x.im === 0 && x.re < 0 && Math.abs(degree.re % 2) === 1) return negate(root(negate(x), degree))
  return power(x, numeric(1 / degree.re))
}

export const sin = (x: Numeric) =>
  numeric(Math.sin(x.re) * Math.cosh(x.im), Math.cos(x.re) * Math.sinh(x.im), Math.max(1, x.size))

export const cos = (x: Numeric) =>
  numeric(Math.cos(x.re) * Math.cosh(x.im), -Math.sin(x.re) * Math.sinh(x.im), Math.max(1, x.size))

/** A function of the reals alone. */
export const real = (of: (x: number) => number) => (x: Numeric) => {
  if (x.im !== 0) throw beyond
  return numeric(of(x.re), 0, Math.max(1, x.size))
}
