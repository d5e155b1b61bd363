import type { Reporter, TestModule } from 'vitest/node'

/** Fails the run when a test file takes longer than this many seconds: a slow test is a broken one. */
export function slowFiles(seconds: number): Reporter {
  return {
    onTestRunEnd(modules: readonly TestModule[]) {
      for (const module of modules) {
        const taken = module.diagnostic().duration / 1000
        if (taken <= seconds) continue
        console.error(`${module.moduleId} took ${taken.toFixed(1)} s; a test file may take ${seconds} s`)
        process.exitCode = 1
      }
    },
  }
}
