export { flameSvg } from './flame.ts'
export { renderReport, writeReport } from './page.ts'
export { proofSvg } from './proof-plot.ts'
export { proofText } from './proof-text.ts'
export { type ReliabilityBin, reliabilitySvg } from './reliability.ts'
export {
  advanceProgress,
  evalText,
  type Progress,
  progressLine,
  remainingSeconds,
  sparkline,
  startProgress,
  textTable,
} from './terminal.ts'
export type { EvalFigure, EvalTable, ProofFigures, ReportExtra, SampleRow } from './types.ts'
