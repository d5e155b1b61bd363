export { findPython } from './python.ts'
export { defaultLimits, openSandbox, type Sandbox, type SandboxOptions } from './sandbox.ts'
export type * from './types.ts'
