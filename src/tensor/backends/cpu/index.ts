export { type CpuOptions, openCpuBackend } from './backend.ts'
