export {
  packTree,
  predecessors,
  type RowInput,
  rowSequences,
  rowTokens,
  type SegmentInput,
  type TokenTree,
} from './tree.ts'
