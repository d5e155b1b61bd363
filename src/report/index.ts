export { flameSvg } from './flame.ts'
export { renderReport, writeReport } from './page.ts'
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
export type { EvalFigure, EvalTable, ReportExtra, SampleRow } from './types.ts'
