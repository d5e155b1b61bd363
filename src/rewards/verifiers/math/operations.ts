import * as exact from './exact.ts'
import * as numeric from './numeric.ts'

/** What an operation means over the complex rationals, where it has a meaning there, and over doubles. */
export interface Operation {
  exact?: (...args: exact.Exact[]) => exact.Exact
  numeric: (...args: numeric.Numeric[]) => numeric.Numeric
  /** Many-valued off the positive axis: such expressions are probed on it alone. */
  branches?: true
}

const one = numeric.numeric(1)
const reciprocal = (of: (x: numeric.Numeric) => numeric.Numeric): Operation => ({
  numeric: (x) => numeric.invert(of(x)),
})
const tan = (x: numeric.Numeric) => numeric.divide(numeric.sin(x), numeric.cos(x))

/** Any name that the parser gives to an operation is a key of this table. */
export const operations: Readonly<Record<string, Operation>> = {
  add: { exact: exact.add, numeric: numeric.add },
  negate: { exact: exact.negate, numeric: numeric.negate },
  multiply: { exact: exact.multiply, numeric: numeric.multiply },
  divide: { exact: (x, y) => exact.multiply(x, exact.invert(y)), numeric: numeric.divide },
  power: { exact: exact.power, numeric: numeric.power },
  root: {
    exact: (x, degree) => exact.root(x, exact.wholeNumber(degree) ?? 0),
    numeric: numeric.root,
    branches: true,
  },
  factorial: { exact: exact.factorial, numeric: numeric.real(wholeFactorial) },
  binomial: {
    exact: exact.binomial,
    numeric: () => {
      throw exact.beyond
    },
  },
  degree: { numeric: (x) => numeric.multiply(x, numeric.numeric(Math.PI / 180)) },
  abs: { numeric: (x) => numeric.numeric(numeric.size(x), 0, x.size) },
  floor: { numeric: numeric.real(Math.floor) },
  ceil: { numeric: numeric.real(Math.ceil) },
  exp: { numeric: numeric.exp },
  ln: { numeric: numeric.log, branches: true },
  /** log(x, base) */
  log: { numeric: (x, base) => numeric.divide(numeric.log(x), numeric.log(base)), branches: true },
  sin: { numeric: numeric.sin },
  cos: { numeric: numeric.cos },
  tan: { numeric: tan },
  sec: reciprocal(numeric.cos),
  csc: reciprocal(numeric.sin),
  cot: { numeric: (x) => numeric.divide(numeric.cos(x), numeric.sin(x)) },
  sinh: { numeric: numeric.real(Math.sinh) },
  cosh: { numeric: numeric.real(Math.cosh) },
  tanh: { numeric: numeric.real(Math.tanh) },
  arcsin: { numeric: numeric.real(Math.asin), branches: true },
  arccos: { numeric: numeric.real(Math.acos), branches: true },
  arctan: { numeric: numeric.real(Math.atan), branches: true },
  arccot: { numeric: (x) => numeric.real(Math.atan)(numeric.divide(one, x)), branches: true },
}

/** Functions of one argument that are written by name before it. */
export const functionNames: ReadonlySet<string> = new Set(
  'exp ln log sin cos tan sec csc cot sinh cosh tanh arcsin arccos arctan arccot'.split(' '),
)

function wholeFactorial(x: number): number {
  if (!Number.isInteger(x) || x < 0 || x > 170) return Number.NaN
  let product = 1
  for (let k = 2; k <= x; k++) product *= k
  return product
}
