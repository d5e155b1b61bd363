export { type Form, forms, joinRows, referenceRow, sequenceName, withAnswersOf } from './forms.ts'
export {
  type HiddenMix,
  packTree,
  predecessors,
  type RowInput,
  rowSequences,
  rowTokens,
  type SegmentInput,
  type TokenTree,
} from './tree.ts'
