export { type Form, forms, referenceRow, sequenceName, withAnswersOf } from './forms.ts'
export {
  packTree,
  predecessors,
  type RowInput,
  rowSequences,
  rowTokens,
  type SegmentInput,
  type TokenTree,
} from './tree.ts'
