/**
 * Exact complex rationals (a + b·i) / d over BigInt. Their size is bounded, so that 9^9^9^9 is refused and not computed: past
 * the bound every operation throws `beyond`, which `probe.ts` catches.
 */
export interface Exact {
  a: bigint
  b: bigint
  /** Above 0. */
  d: bigint
  /** An upper bound of the bits of each of the three. */
  bits: number
}

/** Thrown where a value is too large for, or no member of, the complex rationals. */
export const beyond = new Error('beyond exact evaluation')

/** Thrown where there is no value: a division by zero. */
export const undefinedValue = new Error('no value')

/** Bits of a numerator or denominator; 2004! has 19,000. */
const MAX_BITS = 32_768

/** Up to here fractions are reduced: Euclid's algorithm takes the square of the size. */
const REDUCED_BITS = 256

const gcd = (a: bigint, b: bigint): bigint => {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b]
  while (y > 0n) [x, y] = [y, x % y]
  return x
}

const bitsOf = (n: bigint) => (n < 0n ? -n : n).toString(16).length * 4

function make(a: bigint, b: bigint, d: bigint, bits: number): Exact {
  if (bits > MAX_BITS) throw beyond
  if (bits > REDUCED_BITS) return { a, b, d, bits }
  const common = gcd(gcd(a, b), d)
  const [p, q, r] = common > 1n ? [a / common, b / common, d / common] : [a, b, d]
  return { a: p, b: q, d: r, bits: Math.max(bitsOf(p), bitsOf(q), bitsOf(r)) }
}

export const integer = (n: bigint | number): Exact => make(BigInt(n), 0n, 1n, bitsOf(BigInt(n)))

export const imaginaryUnit: Exact = { a: 0n, b: 1n, d: 1n, bits: 4 }

/** @param text digits with at most one point, perhaps a repeating part in brackets (0.1(6) is 1/6) and an exponent. */
export function decimal(text: string): Exact {
  const match = /^(\d*)(?:\.(\d*)(?:\((\d+)\))?)?(?:[eE]([+-]?\d+))?$/.exec(text)
  if (!match) throw beyond
  const [, whole, fraction = '', repeating = '', exponent = '0'] = match
  const power = Number(exponent)
  const size = 4 * (whole.length + fraction.length + 2 * repeating.length + Math.abs(power)) + 8
  if (size > MAX_BITS) throw beyond
  const scale = 10n ** BigInt(fraction.length)
  const cycle = repeating === '' ? 1n : 10n ** BigInt(repeating.length) - 1n
  const top = BigInt(whole + fraction || '0') * cycle + BigInt(repeating || '0')
  const shift = 10n ** BigInt(Math.abs(power))
  const [n, d] = power < 0 ? [top, scale * cycle * shift] : [top * shift, scale * cycle]
  return make(n, 0n, d, size)
}

export const negate = (x: Exact): Exact => ({ ...x, a: -x.a, b: -x.b })

export function add(x: Exact, y: Exact): Exact {
  const bits = x.bits + y.bits + 2
  if (bits > MAX_BITS) throw beyond
  return make(x.a * y.d + y.a * x.d, x.b * y.d + y.b * x.d, x.d * y.d, bits)
}

export function multiply(x: Exact, y: Exact): Exact {
  const bits = x.bits + y.bits + 2
  if (bits > MAX_BITS) throw beyond
  return make(x.a * y.a - x.b * y.b, x.a * y.b + x.b * y.a, x.d * y.d, bits)
}

export function invert(x: Exact): Exact {
  if (x.a === 0n && x.b === 0n) throw undefinedValue
  if (x.b === 0n) return { a: x.a < 0n ? -x.d : x.d, b: 0n, d: x.a < 0n ? -x.a : x.a, bits: x.bits }
  const bits = 2 * x.bits + 2
  if (bits > MAX_BITS) throw beyond
  return make(x.d * x.a, -x.d * x.b, x.a * x.a + x.b * x.b, bits)
}

export function equal(x: Exact, y: Exact): boolean {
  const isReduced = x.bits <= REDUCED_BITS && y.bits <= REDUCED_BITS
  if (isReduced) return x.a === y.a && x.d === y.d && x.b === y.b
  return x.a * y.d === y.a * x.d && x.b * y.d === y.b * x.d
}

/** @returns null where the value is no whole number of a size to compute with. */
export function wholeNumber(x: Exact): number | null {
  if (x.b !== 0n || x.bits > 64 || x.a % x.d !== 0n) return null
  const n = Number(x.a / x.d)
  return Number.isSafeInteger(n) ? n : null
}

/** The root of a rational that is a whole power of one. */
export function root(x: Exact, degree: number): Exact {
  if (x.b !== 0n || degree < 1 || degree > 64 || x.bits > 2048) throw beyond
  if (x.a < 0n && degree % 2 === 0) {
    if (degree !== 2) throw beyond
    return multiply(root(negate(x), 2), imaginaryUnit)
  }
  const top = wholeRoot(x.a < 0n ? -x.a : x.a, degree)
  return make(x.a < 0n ? -top : top, 0n, wholeRoot(x.d, degree), x.bits)
}

function wholeRoot(n: bigint, degree: number): bigint {
  if (n < 2n) return n
  const k = BigInt(degree)
  // Newton from above falls until it meets the root.
  let guess = 1n << (BigInt(bitsOf(n)) / k + 1n)
  for (;;) {
    const next = ((k - 1n) * guess + n / guess ** (k - 1n)) / k
    if (next >= guess) break
    guess = next
  }
  if (guess ** k !== n) throw beyond
  return guess
}

export function power(base: Exact, exponent: Exact): Exact {
  const times = wholeNumber(exponent)
  if (times === null) {
    if (exponent.b !== 0n || exponent.d === 1n || exponent.d > 64n) throw beyond
    return power(root(base, Number(exponent.d)), make(exponent.a, 0n, 1n, exponent.bits))
  }
  if (times < 0) return power(invert(base), integer(-times))
  if (base.a === 0n && base.b === 0n) return integer(times === 0 ? 1 : 0)
  if (base.b === 0n && base.d === 1n && (base.a === 1n || base.a === -1n)) {
    return times % 2 === 0 ? integer(1) : base
  }
  if (times * (base.bits - 3) > MAX_BITS) throw beyond
  let result = integer(1)
  for (let at = times, square = base; at > 0; ) {
    if (at % 2 === 1) result = multiply(result, square)
    at = Math.floor(at / 2)
    if (at > 0) square = multiply(square, square)
  }
  return result
}

export function factorial(x: Exact): Exact {
  const n = wholeNumber(x)
  if (n === null || n < 0 || n > 2500) throw beyond
  let product = 1n
  for (let k = 2n; k <= n; k++) product *= k
  return make(product, 0n, 1n, bitsOf(product))
}

export function binomial(x: Exact, y: Exact): Exact {
  const [n, k] = [wholeNumber(x), wholeNumber(y)]
  if (n === null || k === null || k < 0 || n < k || n > 5000) throw beyond
  let product = 1n
  for (let j = 1n; j <= k; j++) product = (product * (BigInt(n) - BigInt(k) + j)) / j
  return make(product, 0n, 1n, bitsOf(product))
}
