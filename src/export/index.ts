export { exportGguf, type GgufOptions } from './gguf.ts'
export {
  exportHuggingFace,
  exportPeft,
  type HuggingFaceOptions,
  type PeftOptions,
  type TextFile,
} from './huggingface.ts'
