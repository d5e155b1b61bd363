import { beforeAll, test } from 'vitest'
import { useFixture } from './cli-fixture.ts'
import { expectRefusal, type Refusal } from './cli-refusal.ts'

const { at } = useFixture()
beforeAll(() => {
  at.jsonl('prompts.jsonl', [{ prompt: 'Once' }, { prompt: 'Then' }])
  at.write('length.ts', 'export default (prompt: string, answer: string): number => answer.length')
  at.write('odd.ts', 'export default { respond: 1 }')
})
const online = (...rest: string[]) => {
  return ['online', 'dpo', '--model', 'model', '--data', 'prompts.jsonl', '--out', 'out', ...rest]
}

const refusals: Record<string, Refusal> = {
  'nobody who judges': { args: () => online(), says: [/neither --reward nor --judge/] },
  'two who judge': {
    args: () => online('--reward', './length.ts', '--judge', 'judge.yaml'),
    says: [/--reward and --judge/],
  },
  'a reward that is not there': {
    args: () => online('--reward', './nothing.ts'),
    says: [/no file \.\/nothing\.ts/],
  },
  'tools that are none': {
    args: () => online('--reward', './length.ts', '--tools', './odd.ts'),
    says: [/\.\/odd\.ts is no tools/],
  },
}

test.concurrent.each(Object.entries(refusals))('%s', (_, refusal) => expectRefusal(at, refusal))
