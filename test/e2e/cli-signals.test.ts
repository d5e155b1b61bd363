import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { useFixture } from './cli-fixture.ts'

const { at, document, run } = useFixture()

const model = ['--model', 'model']

/** Waits until a file holds this many lines. */
async function untilLines(path: string, lines: number): Promise<void> {
  for (let waited = 0; waited < 30_000; waited += 20) {
    if (existsSync(path) && readFileSync(path, 'utf8').split('\n').length > lines) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`${path} never had ${lines} lines`)
}

/** Flags with which this Node passes for an older one. */
const olderNode = [
  '--import',
  "data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'18.0.0'}})",
]

describe.concurrent('started by an older Node', () => {
  test('says the same, and ends with the same code', async () => {
    const lines = [
      ['sample', ...model, '--prompt', 'red', '--max-tokens', '3', '--temperature', '0', '--json'],
      ['sample', ...model, '--nonsense'],
    ]
    for (const line of lines) {
      const [newer, older] = await Promise.all([run(line), run(line, { flags: olderNode })])
      expect(older).toEqual(newer)
    }
  })

  test.each(['SIGTERM', 'SIGKILL'] as const)('%s of the starter: the training keeps a checkpoint', async (signal) => {
    const out = `left-${signal}`
    const line = ['train', 'sft', ...model, '--data', 'chats.jsonl', '--out', out, 'batchSize=2', 'steps=100000']
    const folder = at.path(out, 'run')
    const writer = () => readdirSync(folder).find((name) => name.startsWith('lock-'))
    await run(line, {
      flags: olderNode,
      onStart: (child) => void untilLines(join(folder, 'events.jsonl'), 4).then(() => child.kill(signal)),
    })
    for (let waited = 0; writer() && waited < 20_000; waited += 20)
      await new Promise((resolve) => setTimeout(resolve, 20))
    expect(writer()).toBeUndefined()
    expect(readdirSync(join(folder, 'checkpoints'))).toContainEqual(expect.stringMatching(/^step-\d+$/))
  })
})

describe.concurrent('Ctrl-C', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s: a checkpoint, 130, and --resume goes on to the end',
    async (signal) => {
      const out = `stopped-${signal}`
      const line = ['train', 'sft', ...model, '--data', 'chats.jsonl', '--out', out, 'batchSize=2']
      const events = at.path(out, 'run/events.jsonl')
      const stopped = await run([...line, 'steps=100000', '--json'], {
        onStart: (child) => void untilLines(events, 4).then(() => child.kill(signal)),
      })
      const { steps, interrupted } = JSON.parse(stopped.stdout)
      expect([stopped.code, interrupted]).toEqual([130, true])
      expect(stopped.stderr).toMatch(/--resume/)
      expect(readdirSync(at.path(out, 'run/checkpoints'))).toContain(`step-${String(steps).padStart(6, '0')}`)
      expect(existsSync(at.path(out, 'config.json'))).toBe(false)
      const resumed = await document([...line, `steps=${steps + 2}`, '--resume'])
      expect(resumed).toMatchObject({ steps: steps + 2, interrupted: false })
      expect(existsSync(at.path(out, 'config.json'))).toBe(true)
    },
  )
})
