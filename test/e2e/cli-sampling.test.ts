import { describe, expect, test } from 'vitest'
import { useFixture } from './cli-fixture.ts'

const { at, document } = useFixture()

const model = ['--model', 'model']
const numbers = expect.arrayContaining([expect.any(Number)])

describe.concurrent('sampling, scoring, evaluating', () => {
  test('sample: completions in the order of the prompts, the same for the same seed', async () => {
    at.jsonl('prompts.jsonl', [
      { prompt: 'red' },
      { messages: [{ role: 'user', content: 'blue' }] },
      { tokens: [5, 6] },
    ])
    const line = ['sample', ...model, '--prompts', 'prompts.jsonl', '--max-tokens', '4', '--n', '2', '--seed', '3']
    const [once, again, other] = await Promise.all([document(line), document(line), document([...line, '--seed', '4'])])
    expect(once.completions.map(({ prompt, sample }: never) => [prompt, sample])).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
      [2, 0],
      [2, 1],
    ])
    for (const { prompt_tokens, tokens, logprobs, text, finish } of once.completions) {
      expect([prompt_tokens, tokens]).toEqual([numbers, numbers])
      expect(logprobs).toHaveLength(tokens.length)
      expect(typeof text).toBe('string')
      expect(['eos', 'stop', 'length']).toContain(finish)
    }
    expect(once.completions[4].prompt_tokens).toEqual([5, 6])
    expect(again).toEqual(once)
    expect(other).not.toEqual(once)
  })

  test('chat: the lines of stdin are turns, each answered with all before it', async () => {
    const line = ['sample', ...model, '--chat', '--max-tokens', '3', '--temperature', '0']
    const { messages } = await document(line, { input: 'red\nblue\n/clear\ngreen\n\nnever read\n' })
    expect(messages).toMatchObject([{ role: 'user', content: 'green' }, { role: 'assistant' }])
  })

  test('score gives the very log-probs that sample gave', async () => {
    const { completions } = await document(['sample', ...model, '--prompt', 'red lamp', '--max-tokens', '9', '--raw'])
    const [{ prompt_tokens, tokens, logprobs }] = completions
    at.jsonl('drawn.jsonl', [{ tokens: [...prompt_tokens, ...tokens] }])
    const { rows, mean_nll } = await document(['score', ...model, '--data', 'drawn.jsonl'])
    expect(rows[0].logprobs.slice(prompt_tokens.length)).toEqual(logprobs)
    expect(rows[0].logprobs[0]).toBeNull()
    expect(rows[0].n).toBe(rows[0].tokens.length - 1)
    expect(mean_nll).toBeCloseTo(-rows[0].sum / rows[0].n, 12)
  })

  test('score reads chats, prompts and texts from one file', async () => {
    const chat = {
      messages: [
        { role: 'user', content: 'red' },
        { role: 'assistant', content: 'blue' },
      ],
    }
    at.jsonl('mixed.jsonl', [{ text: 'red' }, { prompt: 'red', completion: ' blue' }, chat])
    const { rows } = await document(['score', ...model, '--data', 'mixed.jsonl'])
    expect(rows).toHaveLength(3)
    expect(rows[2].logprobs.slice(0, 3)).toEqual([null, null, null])
  })

  test('eval: figures with intervals, of a task of the project and of a file', async () => {
    at.jsonl(
      'choice.jsonl',
      ['red', 'blue', 'green'].map((prompt) => ({ prompt, choices: ['lamp', 'stone'], answer: 0 })),
    )
    const line = ['eval', ...model, '--task', 'tiny-first,choice.jsonl', '--n', '3', '--samples', '1']
    const { tasks, samples } = await document(line)
    expect(Object.keys(tasks)).toEqual(['tiny-first', 'choice.jsonl'])
    for (const { metric, value, low, high, n } of Object.values<Record<string, never>>(tasks)) {
      expect([metric, n]).toEqual(['accuracy', 3])
      expect(low).toBeLessThanOrEqual(value)
      expect(value).toBeLessThanOrEqual(high)
    }
    expect(samples).toHaveLength(1)
  })
})
