export * from './checkpoint.ts'
export * from './dtype.ts'
export { type GgufFile, type GgufTensor, openGguf, readGgufTensor } from './gguf.ts'
export type { GgufFloatType, GgufScalar, GgufScalarType, GgufValue } from './gguf-types.ts'
export { type GgufContent, type GgufTensorToWrite, writeGguf } from './gguf-write.ts'
export { type HubProgress, isHubId, type ResolveHubOptions, resolveHub } from './hub.ts'
export type { HubKind } from './hub-client.ts'
export { listRowFiles } from './row-format.ts'
export { openRowIndex, type RowIndex } from './row-index.ts'
export { type RawRow, type ReadRowsOptions, readRows } from './rows.ts'
export {
  openSafetensors,
  readTensorBytes,
  readTensorFloat32,
  type SafetensorsFile,
  type TensorEntry,
} from './safetensors.ts'
export { type ByteSource, type TensorToWrite, writeSafetensors } from './safetensors-write.ts'
