import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HoneError } from '../base/index.ts'
import { taskFromJsonl } from './rows.ts'

const lines = (...rows: unknown[]) => rows.map((row) => JSON.stringify(row)).join('\n')
const user = [{ role: 'user', content: 'Where?' }]
const whole = [...user, { role: 'assistant', content: 'Here.' }]

describe('a file of rows becomes a task of its kind', () => {
  test('answers: exact match with any accepted text', () => {
    const task = taskFromJsonl(
      'a.jsonl',
      lines({ prompt: 'Q', answer: 'x' }, { messages: user, answer: ['here', 'there'] }),
    )
    if (task.kind !== 'generate') throw new Error(task.kind)
    const items = task.items(0, 10)
    expect(items).toHaveLength(2)
    const chat = items.find((item) => 'messages' in item)
    expect(chat && task.score(chat, ' There.')).toBe(1)
    expect(chat && task.score(chat, 'here there')).toBe(0)
  })

  test('choices: the answer by index or by text', () => {
    const task = taskFromJsonl(
      'c.jsonl',
      lines({ prompt: 'Q', choices: ['a', 'b'], answer: 1 }, { prompt: 'R', choices: ['a', 'b'], answer: 'a' }),
    )
    if (task.kind !== 'choice') throw new Error(task.kind)
    expect(
      task
        .items(0, 2)
        .map(({ answer }) => answer)
        .sort(),
    ).toEqual([0, 1])
  })

  test('texts and whole chats: perplexity', () => {
    const task = taskFromJsonl('p.jsonl', `\uFEFF${lines({ text: 'Once.' }, { messages: whole })}\r\n\n`)
    expect(task.kind).toBe('perplexity')
    expect(task.items(0, 9)).toHaveLength(2)
  })

  test('items come in a seeded order, each once', () => {
    const task = taskFromJsonl('p.jsonl', lines(...Array.from({ length: 30 }, (_, i) => ({ text: `t${i}` }))))
    const order = (seed: number) => task.items(seed, 30).map((item) => JSON.stringify(item))
    expect(order(1)).toEqual(order(1))
    expect(order(1)).not.toEqual(order(2))
    expect(new Set(order(1)).size).toBe(30)
    expect(task.items(1, 4)).toEqual(task.items(1, 30).slice(0, 4))
  })
})

describe('a bad row is named by file and line', () => {
  const good = { prompt: 'Q', answer: 'A' }
  test.each([
    ['not JSON', '{"prompt": ', 'is not JSON'],
    ['a list', '[1]', 'is not a JSON object'],
    ['null', 'null', 'is not a JSON object'],
    ['no question', '{"answer": "x"}', 'exactly one of'],
    ['two questions', '{"prompt": "a", "text": "b", "answer": "x"}', 'exactly one of'],
    ['messages of another form', '{"messages": [{"from": "human"}], "answer": "x"}', '"messages"'],
    ['no messages', '{"messages": [], "answer": "x"}', '"messages"'],
    ['the assistant asks', JSON.stringify({ messages: whole, answer: 'x' }), 'ends with the assistant'],
    ['a prompt that is a number', '{"prompt": 3, "answer": "x"}', '"prompt"'],
    ['a prompt without answer', '{"prompt": "a"}', '"answer"'],
    ['an empty list of answers', '{"prompt": "a", "answer": []}', '"answer"'],
    ['an answer that is a number', '{"prompt": "a", "answer": 3}', '"answer"'],
    ['one choice', '{"prompt": "a", "choices": ["x"], "answer": 0}', 'two or more'],
    ['a choice out of range', '{"prompt": "a", "choices": ["x", "y"], "answer": 2}', 'neither'],
    ['a fractional choice', '{"prompt": "a", "choices": ["x", "y"], "answer": 0.5}', 'neither'],
    ['an answer that is no choice', '{"prompt": "a", "choices": ["x", "y"], "answer": "z"}', 'neither'],
    ['an empty text', '{"text": ""}', '"text"'],
    ['another kind', '{"text": "Once."}', 'is of kind perplexity, those above generate'],
  ])('%s', (_, line, what) => {
    expect(() => taskFromJsonl('dir/t.jsonl', `${JSON.stringify(good)}\n\n${line}\n`)).toThrow(
      /^line 3 of dir\/t\.jsonl /,
    )
    expect(() => taskFromJsonl('dir/t.jsonl', `${JSON.stringify(good)}\n\n${line}\n`)).toThrow(what)
  })

  test('no rows at all', () => {
    expect(() => taskFromJsonl('e.jsonl', '\n \n')).toThrow('e.jsonl has no rows')
  })

  test('whatever comes in, a task or an error of ours comes out', () => {
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.array(fc.json(), { maxLength: 3 }).map((rows) => rows.join('\n')),
    )
    fc.assert(
      fc.property(text, (content) => {
        try {
          expect(taskFromJsonl('f.jsonl', content).items(0, 5).length).toBeGreaterThan(0)
        } catch (error) {
          expect(error).toBeInstanceOf(HoneError)
        }
      }),
      { numRuns: 500 },
    )
  })
})
