import { expect, test } from 'vitest'
import { chat, contextLength, hone, turn, useFixture } from './cli-fixture.ts'
import { expectRefusal, type Refusal } from './cli-refusal.ts'

const { at } = useFixture()

const sft = (...more: string[]) => ['train', 'sft', '--model', 'model', '--out', 'out', ...more]
const onData = (file: string, ...more: string[]) => sft('--data', file, ...more)
const good = chat('red', 'blue')

const refusals: Record<string, Refusal> = {
  'a broken JSON line': {
    args: () => onData(at.jsonl('broken.jsonl', [good, '{"messages": [', good])),
    says: [/broken\.jsonl:2/],
  },
  'a row of another format': {
    args: () => onData(at.jsonl('other.jsonl', [good, good, { foo: 1, bar: 2 }])),
    says: [/other\.jsonl:3/, /foo/, /expected|known format/],
  },
  'no assistant turn': {
    args: () => onData(at.jsonl('mute.jsonl', [good, { messages: [turn('user', 'hello?')] }])),
    says: [/mute\.jsonl:2/, /assistant/],
  },
  'a template that renders nothing to learn': {
    args: () => {
      at.write('deaf.jinja', "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}")
      return onData('chats.jsonl', 'template=deaf.jinja')
    },
    says: [/chats\.jsonl:1/, /template/],
  },
  'a row longer than the context': {
    args: () => onData(at.jsonl('long.jsonl', [good, chat('red', 'blue green '.repeat(60))])),
    says: [/long\.jsonl:2/, new RegExp(`${contextLength}`)],
    remedy: /truncate|drop/,
  },
  'an empty file': { args: () => onData(at.write('empty.jsonl', '')), says: [/empty\.jsonl/, /no rows|empty/] },
  'a token id outside the vocabulary': {
    args: () => onData(at.jsonl('ids.jsonl', [{ tokens: [1, 2, 3] }, { tokens: [1, 99999] }])),
    says: [/ids\.jsonl:2/, /99999/],
  },
  'a model that does not exist': {
    args: () => ['train', 'sft', '--model', './modell', '--data', 'chats.jsonl', '--out', 'out'],
    says: [/\.\/modell/],
  },
  'data that does not exist': { args: () => onData('chat.jsonl'), says: [/chat\.jsonl/], remedy: /chats\.jsonl/ },
  'a negative learning rate': {
    args: () => onData('chats.jsonl', 'learningRate=-1e-4'),
    says: [/learningRate/, /-0\.0001|-1e-4/, /more than 0/],
  },
  'dpo on rows without chosen': {
    args: () => ['train', 'dpo', '--model', 'model', '--data', 'chats.jsonl', '--out', 'out'],
    says: [/chats\.jsonl:1/, /chosen/],
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
  'a row of prompts that asks nothing': {
    args: () => [
      'sample',
      '--model',
      'model',
      '--prompts',
      at.jsonl('asks.jsonl', [{ prompt: 'red' }, { completion: 'x' }]),
    ],
    says: [/asks\.jsonl:2/, /"prompt"/],
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
