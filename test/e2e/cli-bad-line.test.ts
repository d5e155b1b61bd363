import { expect, test } from 'vitest'
import { contextLength, hone, useFixture } from './cli-fixture.ts'
import { expectRefusal, onData, type Refusal } from './cli-refusal.ts'

const { at } = useFixture()

const refusals: Record<string, Refusal> = {
  'a model that does not exist': {
    args: () => ['train', 'sft', '--model', './modell', '--data', 'chats.jsonl', '--out', 'out'],
    says: [/\.\/modell/],
  },
  'a negative learning rate': {
    args: () => onData('chats.jsonl', 'learningRate=-1e-4'),
    says: [/learningRate/, /-0\.0001|-1e-4/, /more than 0/],
  },
  'an unknown key in a config': {
    args: () => onData('chats.jsonl', '--config', at.write('keys.yaml', 'epochs: 2\nlerningRate: 1e-4\n')),
    says: [/keys\.yaml/, /lerningRate/, /learningRate/],
  },
  'a config that is no YAML': {
    args: () => onData('chats.jsonl', '--config', at.write('torn.yaml', 'epochs: 2\nsteps: [1,\n')),
    says: [/torn\.yaml:\d/],
  },
  'an unknown key on the line': { args: () => onData('chats.jsonl', 'epoch=2'), says: [/"epoch"/, /epochs/] },
  'an unknown flag': {
    args: () => onData('chats.jsonl', '--learnin-rate', '1'),
    says: [/--learnin-rate/],
    remedy: /--learning-rate/,
  },
  'an unknown verb': { args: () => ['trane', 'sft'], says: [/trane/], remedy: /train/ },
  'what is missing': { args: () => ['train', 'sft', '--model', 'model'], says: [/--data/, /--out/] },
  'an unknown task': { args: () => ['eval', '--model', 'model', '--task', 'tinny'], says: [/tinny/], remedy: /tiny/ },
  'a prompt longer than the context': {
    args: () => ['sample', '--model', 'model', '--prompt', 'red '.repeat(150)],
    says: [new RegExp(`${contextLength}`)],
  },
  'an export where something is': {
    args: () => ['export', '--model', 'model', '--format', 'hf', '--out', 'model'],
    says: [/model/],
    remedy: /--overwrite/,
  },
  'an adapter that is none': {
    args: () => ['merge-adapter', '--model', 'model', '--out', 'merged'],
    says: [/adapter/],
  },
}

test.concurrent.each(Object.entries(refusals))('%s', (_, refusal) => expectRefusal(at, refusal))

test('with --json the error is a document too, and with --debug it has a stack', async () => {
  const line = onData('nowhere.jsonl')
  const [json, debug] = await Promise.all([
    hone([...line, '--json'], { cwd: at.folder }),
    hone([...line, '--debug'], { cwd: at.folder }),
  ])
  const { error } = JSON.parse(json.stdout)
  expect(error).toMatchObject({ code: 'E_NOT_FOUND', message: expect.stringMatching(/nowhere\.jsonl/) })
  expect(error.help).toBeTypeOf('string')
  expect(debug.stderr).toMatch(/^\s+at /m)
  expect([json.code, debug.code]).toEqual([2, 2])
})
