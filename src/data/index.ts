export { type BatchOptions, type BatchPlan, microBatches, planBatches } from './batches.ts'
export { type DataSpec, type Dataset, type DatasetOptions, openDataset } from './dataset.ts'
export { type EncodeContext, type EncodedRow, encodeRow } from './encode.ts'
export {
  type EncodedDataset,
  type EncodedOptions,
  encodeDataset,
  type Statistics,
  type Survey,
  type SurveyOptions,
} from './encoded.ts'
export { exampleRows } from './example-rows.ts'
export {
  type InspectedRow,
  type InspectedSegment,
  type InspectedToken,
  inspectRows,
  type RenderInspectionOptions,
  renderInspection,
} from './inspect.ts'
export type { LengthPolicy } from './length.ts'
export type { Order } from './order.ts'
export { type Reshaped, type ReshapeOptions, reshape } from './reshape.ts'
export type {
  ChatRow,
  CompletionRow,
  ExplorationRow,
  PreferenceRow,
  RankingRow,
  RawRow,
  Row,
  RowKind,
  RowSource,
  TextRow,
  TokensRow,
  TripleRow,
  UnpairedRow,
} from './row.ts'
export { detectFormat, FORMAT_NAMES, type FormatName, type RowOptions, toRow } from './row-format.ts'
export type { DataSource, ResolveHub, Split } from './sources.ts'
export type { Tally } from './tally.ts'
