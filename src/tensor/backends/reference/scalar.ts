import { binaryKinds, unaryKinds } from '../../kernels.ts'

/** erf by its series for small |x| and the continued fraction of erfc for large: full double precision. */
export function erf(x: number): number {
  const a = Math.abs(x)
  if (a < 2.5) {
    let term = a
    let sum = a
    for (let n = 1; n < 80 && Math.abs(term) > 1e-18 * sum; n++) {
      term *= (-a * a) / n
      sum += term / (2 * n + 1)
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI)
  }
  let fraction = 0
  for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction)
  return Math.sign(x) * (1 - Math.exp(-a * a) / ((a + fraction) * Math.sqrt(Math.PI)))
}

export const sigmoid = (x: number) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)))
export const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))

const tanhGeluSlope = Math.sqrt(2 / Math.PI)
const geluInner = (x: number) => tanhGeluSlope * (x + 0.044715 * x ** 3)

/** By code of `unaryKinds`: the function and its derivative. */
export const unaryFunctions: { f: (x: number) => number; df: (x: number) => number }[] = []
const define = (kind: keyof typeof unaryKinds, f: (x: number) => number, df: (x: number) => number) => {
  unaryFunctions[unaryKinds[kind]] = { f, df }
}
define(
  'identity',
  (x) => x,
  () => 1,
)
define(
  'neg',
  (x) => -x,
  () => -1,
)
define('exp', Math.exp, Math.exp)
define('log', Math.log, (x) => 1 / x)
define('sqrt', Math.sqrt, (x) => 0.5 / Math.sqrt(x))
define(
  'square',
  (x) => x * x,
  (x) => 2 * x,
)
define('abs', Math.abs, Math.sign)
define('tanh', Math.tanh, (x) => 1 - Math.tanh(x) ** 2)
define('sigmoid', sigmoid, (x) => sigmoid(x) * sigmoid(-x))
define(
  'logSigmoid',
  (x) => -softplus(-x),
  (x) => sigmoid(-x),
)
define('softplus', softplus, sigmoid)
define(
  'relu',
  (x) => Math.max(x, 0),
  (x) => (x > 0 ? 1 : 0),
)
define('log1p', Math.log1p, (x) => 1 / (1 + x))
define('expm1', Math.expm1, Math.exp)
define(
  'silu',
  (x) => x * sigmoid(x),
  (x) => sigmoid(x) * (1 + x * sigmoid(-x)),
)
define(
  'gelu',
  (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  (x) => 0.5 * (1 + erf(x / Math.SQRT2)) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
)
define(
  'geluTanh',
  (x) => 0.5 * x * (1 + Math.tanh(geluInner(x))),
  (x) => {
    const t = Math.tanh(geluInner(x))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * tanhGeluSlope * (1 + 3 * 0.044715 * x * x)
  },
)
define(
  'reciprocal',
  (x) => 1 / x,
  (x) => -1 / (x * x),
)

/** By code of `binaryKinds`. */
export const binaryFunctions: ((a: number, b: number) => number)[] = []
binaryFunctions[binaryKinds.add] = (a, b) => a + b
binaryFunctions[binaryKinds.sub] = (a, b) => a - b
binaryFunctions[binaryKinds.mul] = (a, b) => a * b
binaryFunctions[binaryKinds.div] = (a, b) => a / b
binaryFunctions[binaryKinds.max] = Math.max
binaryFunctions[binaryKinds.min] = Math.min
