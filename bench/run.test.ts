import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const run = (...args: string[]) =>
  execFileSync(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--conditions=source',
      fileURLToPath(new URL('run.ts', import.meta.url)),
      ...args,
    ],
    { encoding: 'utf8', stdio: 'pipe' },
  )

// Load is read from /proc.
test.skipIf(process.platform !== 'linux')('a run comes to its end and prints nothing but its document', () => {
  const document = JSON.parse(run('--only', 'start', '--alone', '--anyway', '--json'))
  expect(document).toMatchObject({ contests: [], startSeconds: expect.any(Number) })
  for (const peak of ['f32', 'bf16', 'read']) expect(document.peak[peak]).toBeGreaterThan(0)
})

test('a part that does not exist is named, beside those that do', () => {
  expect(() => run('--only', 'train,sleep')).toThrow(/sleep, expected some of train,lora,sft,dpo,sharing,decode/)
})
