import { afterAll, expect, test } from 'vitest'
import { type CodeTest, type Language, openSandbox } from './index.ts'

/**
 * Programs with their tests a second, warm, on two slots: the best of several rounds, since others may have the machine for a while.
 * Python programs here are behind walls where the machine has them.
 */
const sandbox = openSandbox({ slots: 2 })
const open = openSandbox({ slots: 2, isolation: 'none' })
afterAll(() => Promise.all([sandbox.close(), open.close()]))

const sources: Record<Language, (n: number) => string> = {
  python: (n) => `def add(a, b):\n    return a + b + ${n}\n`,
  javascript: (n) => `function add(a, b) { return a + b + ${n} }`,
}
const checks: Record<Language, (n: number) => CodeTest[]> = {
  python: (n) => [1, 2, 3].map((x) => ({ code: `assert add(${x}, 1) == ${x + 1 + n}` })),
  javascript: (n) => [1, 2, 3].map((x) => ({ code: `assert.equal(add(${x}, 1), ${x + 1 + n})` })),
}

async function best(language: Language, count: number): Promise<number> {
  const isolated = await sandbox.isolation(language).then(
    () => true,
    () => false,
  )
  const round = async (size: number) => {
    const begun = performance.now()
    const all = await Promise.all(
      Array.from({ length: size }, (_, n) =>
        (isolated ? sandbox : open).test({ language, source: sources[language](n) }, checks[language](n)),
      ),
    )
    expect(all.map(({ passed }) => passed)).toEqual(new Array(size).fill(3))
    return (size * 1000) / (performance.now() - begun)
  }
  await round(Math.ceil(count / 2))
  const rates = []
  for (let i = 0; i < 3; i++) rates.push(await round(count))
  console.log(
    `sandbox: ${rates.map(Math.round).join(', ')} ${language} programs with 3 tests a second, ${isolated ? 'isolated' : 'not isolated'}`,
  )
  return Math.max(...rates)
}

test('at least 20 Python programs a second', async () => {
  expect(await best('python', 60)).toBeGreaterThanOrEqual(20)
})

test('at least 500 JavaScript programs a second', async () => {
  expect(await best('javascript', 1500)).toBeGreaterThanOrEqual(500)
})
