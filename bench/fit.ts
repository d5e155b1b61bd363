/** A power law y = factor · x^exponent, and the share of the variance of log y that it explains. */
export interface PowerLaw {
  exponent: number
  factor: number
  r2: number
}

/** Fits a power law through positive points [x, y] by least squares of the logarithms. */
export function fitPowerLaw(points: readonly (readonly [x: number, y: number])[]): PowerLaw {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)])
  const mean = (column: number) => logs.reduce((sum, log) => sum + log[column], 0) / logs.length
  const [meanX, meanY] = [mean(0), mean(1)]
  const products = (a: number, b: number) =>
    logs.reduce((sum, log) => sum + (log[a] - [meanX, meanY][a]) * (log[b] - [meanX, meanY][b]), 0)
  const exponent = products(0, 1) / products(0, 0)
  const spread = products(1, 1)
  const r2 = spread === 0 ? 1 : products(0, 1) ** 2 / (products(0, 0) * spread)
  return { exponent, factor: Math.exp(meanY - exponent * meanX), r2 }
}
