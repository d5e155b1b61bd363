import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sharedFolder } from '../../test/shared.ts'
import { HoneError } from '../base/index.ts'
import type { Row } from './row.ts'
import { detectFormat, type RowOptions, toRow } from './row-format.ts'

const source = { file: 'rows.jsonl', line: 7 }
const read = (value: unknown, options?: RowOptions): Row => toRow({ value, ...source }, options).row
const user = (content: string) => ({ role: 'user', content })
const assistant = (content: string) => ({ role: 'assistant', content })

function failure(value: unknown, options?: RowOptions): HoneError {
  try {
    read(value, options)
  } catch (error) {
    if (error instanceof HoneError) return error
    throw error
  }
  throw new Error('no error')
}

describe('supervised formats', () => {
  test('plain text', () => {
    expect(read({ text: 'Once', meta: 1 })).toEqual({ kind: 'text', text: 'Once', source })
  })

  test('prompt and completion, by any of their names', () => {
    const wanted = { kind: 'completion', prompt: '1+1', completion: '2', source }
    expect(read({ prompt: '1+1', completion: '2' })).toEqual(wanted)
    expect(read({ question: '1+1', answer: '2' })).toEqual({ ...wanted, prompt: '1+1\n' })
    expect(read({ query: '1+1 ', response: '2' })).toEqual({ ...wanted, prompt: '1+1 ' })
    expect(read({ prompt: '1+1', response: '\t2' })).toEqual({ ...wanted, completion: '\t2' })
    expect(read({ frage: '1+1', y: '2' }, { columns: { prompt: 'frage', completion: 'y' } })).toEqual(wanted)
  })

  test('prompt and completion as turns learn the completion only', () => {
    const prompt = [user('a'), assistant('b'), user('c')]
    const row = read({ prompt, completion: [assistant('d')] })
    const messages = [user('a'), { ...assistant('b'), train: false }, user('c'), assistant('d')]
    expect(row).toEqual({ kind: 'chat', messages, source })
    expect(read({ prompt: 'c', completion: 'd' }, { chat: true })).toMatchObject({
      messages: [user('c'), assistant('d')],
    })
  })

  test('messages with tools, tool calls and results', () => {
    const fn = { name: 'add', parameters: {} }
    const row = read({
      tools: JSON.stringify([fn]),
      messages: [
        user('1+1'),
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'x', function: { name: 'add', arguments: '{"a":1}' } }],
        },
        { role: 'tool', tool_call_id: 'x', name: 'add', content: '2' },
        { ...assistant('2'), weight: 0 },
      ],
    })
    expect(row).toEqual({
      kind: 'chat',
      tools: [{ type: 'function', function: fn }],
      messages: [
        user('1+1'),
        {
          ...assistant(''),
          tool_calls: [{ id: 'x', type: 'function', function: { name: 'add', arguments: { a: 1 } } }],
        },
        { role: 'tool', tool_call_id: 'x', name: 'add', content: '2' },
        { ...assistant('2'), train: false },
      ],
      source,
    })
  })

  test('content in parts is joined, thinking kept apart', () => {
    const parts = [
      { type: 'reasoning', value: 'hm' },
      { type: 'text', text: 'a' },
      { type: 'text', text: 'b' },
    ]
    const row = read({ messages: [user('x'), { role: 'assistant', content: parts }] })
    expect(row).toMatchObject({ messages: [user('x'), { ...assistant('ab'), reasoning_content: 'hm' }] })
  })

  test('ShareGPT', () => {
    const call = '[{"name":"add","arguments":{"a":1}}]'
    const row = read({
      system: 'be brief',
      conversations: [
        { from: 'human', value: 'q' },
        { from: 'function_call', value: call },
        { from: 'observation', value: '2' },
        { from: 'gpt', value: 'a' },
      ],
    })
    expect(row).toEqual({
      kind: 'chat',
      messages: [
        { role: 'system', content: 'be brief' },
        user('q'),
        { ...assistant(''), tool_calls: [{ type: 'function', function: { name: 'add', arguments: { a: 1 } } }] },
        { role: 'tool', content: '2' },
        assistant('a'),
      ],
      source,
    })
  })

  test('Alpaca with system and history', () => {
    const row = read({ instruction: 'Add', input: '1 1', output: '2', system: 's', history: [['h', 'i']], text: 'all' })
    const messages = [{ role: 'system', content: 's' }, user('h'), assistant('i'), user('Add\n1 1'), assistant('2')]
    expect(row).toEqual({ kind: 'chat', messages, source })
    expect(read({ instruction: 'Add', input: ' ', output: '2' })).toMatchObject({
      messages: [user('Add'), assistant('2')],
    })
  })

  test('a table, which holds texts only', () => {
    const messages = [user('q'), assistant('a')]
    expect(read({ messages: JSON.stringify(messages), tools: '' })).toEqual({ kind: 'chat', messages, source })
    expect(read({ prompt: 'q', completion: 'a', label: 'False' })).toMatchObject({ kind: 'unpaired', label: false })
    expect(detectFormat({ messages: '[not JSON' })).toBeNull()
    expect(read({ text: 'x', label: 'true' })).toEqual({ kind: 'text', text: 'x', source })
  })

  test('tokens with a mask, with labels, with neither', () => {
    expect(read({ tokens: [5, 6], loss: [0, 1], logprobs: [null, -0.5] })).toEqual({
      kind: 'tokens',
      tokens: [5, 6],
      loss: [0, 1],
      logprobs: [null, -0.5],
      source,
    })
    expect(read({ input_ids: [5, 6n], labels: [-100, 6] })).toMatchObject({ tokens: [5, 6], loss: [0, 1] })
    expect(read({ input_ids: [5, 6] })).toMatchObject({ loss: [1, 1] })
    expect(read({ input_ids: [5, 6], assistant_masks: [false, true] })).toMatchObject({ loss: [0, 1] })
  })
})

describe('preferences', () => {
  const pair = (value: unknown, options?: RowOptions) => read(value, options) as Extract<Row, { kind: 'preference' }>

  test('texts with and without an explicit prompt', () => {
    const wanted = { kind: 'preference', chat: false, prompt: 'Say hi:', chosen: ' hi', rejected: ' ho', source }
    expect(pair({ prompt: 'Say hi:', chosen: ' hi', rejected: ' ho' })).toEqual(wanted)
    expect(pair({ chosen: 'Say hi: hi', rejected: 'Say hi: ho' })).toEqual(wanted)
    expect(pair({ prompt: '1', chosen: '1 2', rejected: '12' })).toMatchObject({
      prompt: '1',
      chosen: '1 2',
      rejected: '12',
    })
  })

  test('texts as turns where asked for', () => {
    expect(pair({ prompt: 'q', chosen: 'a', rejected: 'b' }, { chat: true })).toEqual({
      kind: 'preference',
      chat: true,
      prompt: [user('q')],
      chosen: [assistant('a')],
      rejected: [assistant('b')],
      source,
    })
  })

  test('turns: implicit prompt, explicit prompt, repeated prompt, prompt as text', () => {
    const wanted = { prompt: [user('q')], chosen: [assistant('a')], rejected: [assistant('b')] }
    const whole = { chosen: [user('q'), assistant('a')], rejected: [user('q'), assistant('b')] }
    expect(pair(whole)).toMatchObject(wanted)
    expect(pair({ ...whole, prompt: [user('q')] })).toMatchObject(wanted)
    expect(pair({ ...whole, prompt: [] })).toMatchObject(wanted)
    expect(pair({ ...whole, prompt: 'q' })).toMatchObject(wanted)
    expect(pair({ prompt: [user('q')], chosen: [assistant('a')], rejected: [assistant('b')] })).toMatchObject(wanted)
    expect(pair({ prompt: 'q', chosen: [assistant('a')], rejected: [assistant('b')] })).toMatchObject(wanted)
    expect(pair({ prompt: [user('q')], chosen: 'a', rejected: 'b' })).toMatchObject(wanted)
    const shareGpt = { conversations: [{ from: 'human', value: 'q' }], chosen: { from: 'gpt', value: 'a' } }
    expect(pair({ ...shareGpt, rejected: { from: 'gpt', value: 'b' } })).toMatchObject(wanted)
    expect(pair({ instruction: 'q', input: '', chosen: 'a', rejected: 'b' })).toMatchObject(wanted)
  })

  test('a conversation beside whole answers (UltraFeedback) is not their prompt', () => {
    const chosen = [user('q'), assistant('a')]
    const rejected = [user('q'), assistant('b')]
    const wanted = { prompt: [user('q')], chosen: [assistant('a')], rejected: [assistant('b')] }
    expect(pair({ prompt: 'q', messages: chosen, chosen, rejected })).toMatchObject(wanted)
    expect(pair({ messages: chosen, chosen, rejected })).toMatchObject(wanted)
    expect(pair({ prompt: 'q', messages: chosen, chosen: 'a', rejected: 'b' }, { chat: true })).toMatchObject(wanted)
    const system = { role: 'system', content: 's' }
    const whole = { chosen: [system, ...chosen], rejected: [system, ...rejected] }
    expect(pair({ prompt: [user('q')], ...whole })).toMatchObject({ ...wanted, prompt: [system, user('q')] })
  })

  test('answers that go on with a user turn after an explicit prompt are left whole', () => {
    const prompt = [user('q'), assistant('a')]
    const answers = { chosen: [user('r'), assistant('b')], rejected: [user('r'), assistant('c')] }
    expect(pair({ prompt, ...answers })).toMatchObject({ prompt, ...answers })
  })

  test('equal answers keep their last turn', () => {
    const same = [user('q'), assistant('a')]
    expect(pair({ chosen: same, rejected: same })).toMatchObject({ prompt: [user('q')], chosen: [assistant('a')] })
  })

  test('HH-RLHF dialogues', () => {
    const chosen = '\n\nHuman: q\n\nAssistant: a\n\nHuman: r\n\nAssistant: s'
    const rejected = '\n\nHuman: q\n\nAssistant: a\n\nHuman: r\n\nAssistant: t u'
    expect(pair({ chosen, rejected })).toMatchObject({
      chat: true,
      prompt: [user('q'), assistant('a'), user('r')],
      chosen: [assistant('s')],
      rejected: [assistant('t u')],
    })
    expect(pair({ chosen, rejected }, { chat: false })).toMatchObject({ chat: false, chosen: ' s', rejected: ' t u' })
  })

  test('a shared prefix is found whatever comes before and after it', () => {
    const turn = fc.record({ role: fc.constantFrom('user', 'assistant'), content: fc.string({ maxLength: 4 }) })
    const turns = fc.array(turn, { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(turns, turns, turns, (prompt, a, b) => {
        const row = pair({ chosen: [...prompt, ...a], rejected: [...prompt, ...b] })
        if (!row.chat) throw new Error('expected turns')
        expect([...row.prompt, ...row.chosen]).toEqual([...prompt, ...a])
        expect([...row.prompt, ...row.rejected]).toEqual([...prompt, ...b])
        expect(row.prompt.length).toBeGreaterThanOrEqual(Math.min(prompt.length, prompt.length + a.length - 1))
        expect(Math.min(row.chosen.length, row.rejected.length)).toBeGreaterThan(0)
      }),
      { seed: 1 },
    )
  })

  test('texts: prompt and answers join to what was given', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n') })
    fc.assert(
      fc.property(text, text, text, (prompt, a, b) => {
        const row = pair({ chosen: prompt + a, rejected: prompt + b })
        if (row.chat) throw new Error('expected text')
        expect(row.prompt + row.chosen).toBe(prompt + a)
        expect(row.prompt + row.rejected).toBe(prompt + b)
      }),
      { seed: 1 },
    )
  })

  test('rated answers', () => {
    const head = { kind: 'unpaired', label: true, source }
    expect(read({ prompt: 'q', completion: 'a', label: true })).toEqual({
      ...head,
      chat: false,
      prompt: 'q',
      completion: 'a',
    })
    const turns = { ...head, chat: true, prompt: [user('q')], completion: [assistant('a')] }
    expect(read({ messages: [user('q'), assistant('a')], label: true })).toEqual(turns)
    expect(read({ prompt: [user('q')], completion: [assistant('a')], label: true })).toEqual(turns)
    expect(read({ instruction: 'q', output: 'a', tag: true }, { columns: { label: 'tag' } })).toEqual(turns)
  })
})

describe('errors', () => {
  test('an unknown format names place, keys and what is known', () => {
    const error = failure({ foo: 1, bar: 2 })
    expect(error.code).toBe('E_ROW_FORMAT')
    expect(error.message).toBe('rows.jsonl:7: the row has the keys "foo", "bar", which is no known format')
    for (const word of ['messages:', 'sharegpt:', 'alpaca:', 'completion:', 'preference:', 'tokens:', 'columns.']) {
      expect(error.help).toContain(word)
    }
  })

  test.each([
    [[1, 2], 'the row is [1,2], expected an object'],
    [{}, 'the row has the keys (none), which is no known format'],
    [{ messages: [] }, 'messages is an empty list, expected at least one turn'],
    [{ messages: ['hi'] }, 'messages[0] is "hi", expected a turn {"role", "content"}'],
    [{ messages: [{ role: 'user' }] }, 'messages[0] has no content, expected a text or tool calls'],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url', url: 'x' }] }] },
      'messages[0].content[0] is {"type":"image_url","url":"x"}, expected a part {"type": "text", "text"}',
    ],
    [{ messages: [{ ...assistant('a'), weight: 0.5 }] }, 'messages[0].weight is 0.5, expected 0 or 1'],
    [{ conversations: [{ from: 'human', value: 3 }] }, 'conversations[0].value is 3, expected a text'],
    [{ tokens: ['the', 'cat'] }, 'tokens[0] is "the", expected a token id'],
    [{ tokens: [1, -1] }, 'tokens[1] is -1, expected a token id'],
    [{ tokens: [1, 2], loss: [1] }, 'loss has 1 entries for 2 tokens, expected one for each'],
    [{ input_ids: [1, 2], labels: [2, -100] }, 'labels[0] is 2 where input_ids has 1, expected the same id or -100'],
    [{ prompt: 3, completion: 'x' }, 'prompt is 3, expected a text or a list of turns'],
    [
      { chosen: [user('a'), assistant('x')], rejected: [user('b'), assistant('x')] },
      'the answers begin with different turns ({"role":"user","content":"a"} and {"role":"user","content":"b"})',
    ],
  ])('%j', (value, message) => {
    const error = failure(value)
    expect(error.code).toBe('E_ROW_FORMAT')
    expect(error.message).toBe(`rows.jsonl:7: ${message}`)
  })

  test('a near miss is suggested', () => {
    expect(failure({ conversations: [{ from: 'humna', value: 'x' }] }).help).toBe('did you mean "human"?')
    expect(failure({ qestion: 'x' }, { columns: { prompt: 'question' } }).help).toBe('did you mean "qestion"?')
  })

  test('whatever a row holds, it is read or refused', () => {
    const key = fc.constantFrom(
      'messages',
      'conversations',
      'prompt',
      'chosen',
      'rejected',
      'text',
      'tokens',
      'labels',
      'label',
      'instruction',
      'output',
      'tools',
      'system',
      'history',
      'completion',
      'loss',
      'logprobs',
    )
    const turn = fc.record(
      { role: fc.jsonValue(), content: fc.jsonValue(), from: fc.jsonValue(), tool_calls: fc.jsonValue() },
      { requiredKeys: [] },
    )
    const value = fc.oneof(
      fc.string(),
      fc.jsonValue({ maxDepth: 2 }),
      fc.array(turn, { maxLength: 3 }),
      fc.array(fc.integer(), { maxLength: 3 }),
    )
    fc.assert(
      fc.property(fc.dictionary(key, value, { maxKeys: 6 }), (row) => {
        try {
          expect(read(row).source).toEqual(source)
        } catch (error) {
          expect(error).toBeInstanceOf(HoneError)
          expect((error as HoneError).code).toBe('E_ROW_FORMAT')
          expect((error as HoneError).message).toMatch(/^rows\.jsonl:7: /)
        }
      }),
      { seed: 1, numRuns: 500 },
    )
  })
})

describe('published data', () => {
  const folder = sharedFolder()
  const load = async (path: string): Promise<unknown[]> => {
    const bytes = await readFile(`${folder}/data/${path}`)
    const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
    return text.trimStart().startsWith('[')
      ? JSON.parse(text)
      : text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line))
  }
  const rated = { columns: { label: 'tag' } }
  const exchange = { columns: { prompt: 'question', chosen: 'response_j', rejected: 'response_k' } }

  test.runIf(folder).each<[string, string, string, RowOptions?]>([
    ['pref_demos/alpaca_tiny.json', 'alpaca', 'chat'],
    ['pref_demos/dpo_en_demo.json.gz', 'preference', 'preference'],
    ['pref_demos/kto_en_demo.json.gz', 'unpaired', 'unpaired'],
    ['pref_demos/kto-mix-test.json.gz', 'unpaired', 'unpaired', rated],
    ['pref_demos/stack_exchange_paired_tiny.json', 'preference', 'preference', exchange],
    ['toolcall_demos/glaive_toolcall_en_demo.json.gz', 'sharegpt', 'chat'],
    ['toolcall_demos/reason_tool_use_demo.jsonl.gz', 'messages', 'chat'],
    ['toolcall_demos/reason_tool_use_demo_50.jsonl.gz', 'messages', 'chat'],
    ['gsm8k/train.jsonl.gz', 'completion', 'completion'],
    ['hh_rlhf/harmless_base_test.jsonl.gz', 'preference', 'preference'],
    ['open_instruct_samples/sft_sample.jsonl.gz', 'messages', 'chat'],
    ['open_instruct_samples/preference_sample.jsonl.gz', 'preference', 'preference'],
    ['open_instruct_samples/rlvr_test.jsonl', 'messages', 'chat'],
    ['open_instruct_samples/tinker_conversations.jsonl', 'messages', 'chat'],
  ])('%s', async (path, format, kind, options) => {
    const values = await load(path)
    expect(values.length).toBeGreaterThan(20)
    for (const [i, value] of values.entries()) {
      const read = toRow({ value, file: path, line: i + 1 }, options)
      expect([read.format, read.row.kind]).toEqual([format, kind])
    }
  })

  test.runIf(folder)('rows of another kind are not taken for one of these', async () => {
    expect(detectFormat((await load('open_instruct_samples/acecode_sample.jsonl'))[0])).toBeNull()
    expect(detectFormat((await load('open_instruct_samples/eval_instances_tulu_1.jsonl.gz'))[0])).toBeNull()
  })
})
