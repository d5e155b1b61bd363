import { defineConfig } from 'vitest/config'
import { slowFiles } from './test/slow-files.ts'

const shared = {
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
}
const alone = ['{src,test}/**/*.alone.test.ts']
/** What benchmarks install brings tests of its own. */
const installed = ['**/node_modules/**', 'bench/.peers/**']
const endToEnd = ['test/e2e/**/*.test.ts']

export default defineConfig({
  test: {
    reporters: ['default', slowFiles(30)],
    maxWorkers: 2,
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          include: ['{src,test,bench}/**/*.test.ts'],
          exclude: [...alone, ...endToEnd, ...installed],
          testTimeout: 30_000,
          globalSetup: ['test/kernels.setup.ts'],
          setupFiles: ['test/properties.setup.ts'],
          // Random and damaged inputs that each file reader is fed; `npm run fuzz` raises it.
          env: { HONE_THREADS: '1', HONE_FUZZ: process.env['HONE_FUZZ'] ?? '2000' },
          sequence: { groupOrder: 0 },
        },
      },
      {
        ...shared,
        test: {
          name: 'end to end',
          include: endToEnd,
          testTimeout: 60_000,
          env: { HONE_THREADS: '1' },
          sequence: { groupOrder: 1 },
        },
      },
      {
        // What measures threads, time or memory has the machine to itself.
        ...shared,
        test: {
          name: 'alone',
          include: alone,
          testTimeout: 60_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
