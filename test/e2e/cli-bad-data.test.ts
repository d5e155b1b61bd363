import { test } from 'vitest'
import { chat, contextLength, turn, useFixture } from './cli-fixture.ts'
import { expectRefusal, onData, type Refusal } from './cli-refusal.ts'

const { at } = useFixture()

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
  'data that does not exist': { args: () => onData('chat.jsonl'), says: [/chat\.jsonl/], remedy: /chats\.jsonl/ },
  'dpo on rows without chosen': {
    args: () => ['train', 'dpo', '--model', 'model', '--data', 'chats.jsonl', '--out', 'out'],
    says: [/chats\.jsonl:1/, /chosen/],
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
}

test.concurrent.each(Object.entries(refusals))('%s', (_, refusal) => expectRefusal(at, refusal))
