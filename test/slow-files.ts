import type { Reporter, TestModule } from 'vitest/node'

declare module 'vitest' {
  interface TaskMeta {
    /** Seconds in which a test waited for the machine to be quiet. */
    paused?: number
  }
}

/** Fails the run when a test file takes longer than this many seconds, pauses left out: a slow test is a broken one. */
export function slowFiles(seconds: number): Reporter {
  return {
    onTestRunEnd(modules: readonly TestModule[]) {
      for (const module of modules) {
        const paused = [...module.children.allTests()].reduce((sum, test) => sum + (test.meta().paused ?? 0), 0)
        const taken = module.diagnostic().duration / 1000 - paused
        if (taken <= seconds) continue
        console.error(`${module.moduleId} took ${taken.toFixed(1)} s; a test file may take ${seconds} s`)
        process.exitCode = 1
      }
    },
  }
}
