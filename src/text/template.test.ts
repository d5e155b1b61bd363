import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { HoneError } from '../base/index.ts'
import { CHATML_TEMPLATE, chatTemplate } from './template.ts'
import type { Message, RenderOptions } from './types.ts'

interface Case {
  template: string
  conversation: string
  addGenerationPrompt: boolean
  tools?: boolean
  text?: string
  generated?: string[]
  error?: string
}

const fixtures = new URL('./fixtures/', import.meta.url)
const recorded = JSON.parse(readFileSync(new URL('renderings.json', fixtures), 'utf8')) as {
  tokens: Record<string, string>
  tools: unknown[]
  conversations: Record<string, Message[]>
  cases: Case[]
}
const stops = ['<|im_end|>', '<|eot_id|>', '<end_of_turn>', '<|end|>', '</s>', '<s>', '<|im_start|>']
const load = (name: string) => {
  const source = readFileSync(new URL(`templates/${name}.jinja`, fixtures), 'utf8')
  return chatTemplate(source, { tokens: recorded.tokens, stopTokens: stops })
}
const names = readdirSync(new URL('templates/', fixtures)).map((file) => file.replace('.jinja', ''))
const casesOf = (name: string): Case[] => recorded.cases.filter(({ template }) => template === name)
const optionsOf = (item: Case): RenderOptions => ({
  addGenerationPrompt: item.addGenerationPrompt,
  ...(item.tools ? { tools: recorded.tools } : {}),
})

test.each(names)('%s renders as in transformers, byte for byte', (name) => {
  const template = load(name)
  expect(casesOf(name).length).toBeGreaterThan(10)
  for (const item of casesOf(name)) {
    const messages = recorded.conversations[item.conversation] as Message[]
    if (item.error === undefined) {
      expect(template.render(messages, optionsOf(item)), JSON.stringify(item).slice(0, 120)).toBe(item.text)
    } else expect(() => template.render(messages, optionsOf(item))).toThrow(item.error)
  }
})

test.each(names)('%s: the spans make up the rendering', (name) => {
  const template = load(name)
  for (const item of casesOf(name).filter(({ text }) => text !== undefined)) {
    const messages = recorded.conversations[item.conversation] as Message[]
    let spans: { text: string; trained: boolean }[]
    try {
      spans = template.spans(messages, optionsOf(item))
    } catch (error) {
      expect(['E_TEMPLATE_MASK', 'E_MASK_EMPTY']).toContain((error as HoneError).code)
      continue
    }
    expect(spans.map(({ text }) => text).join('')).toBe(item.text)
    for (const [i, span] of spans.entries()) expect(span.trained).not.toBe(spans[i + 1]?.trained)
    if (item.generated) expect(trainedOf(spans)).toEqual(item.generated.filter(Boolean))
  }
})

const trainedOf = (spans: { text: string; trained: boolean }[]): string[] =>
  spans.filter(({ trained }) => trained).map(({ text }) => text)
const trained = (name: string, conversation: string, options: RenderOptions = {}): string[] =>
  trainedOf(load(name).spans(recorded.conversations[conversation] as Message[], options))

test.each([
  ['llama-3', 'system-multi', ['hi<|eot_id|>', 'hi again<|eot_id|>']],
  ['llama-3.1', 'single', ['4<|eot_id|>']],
  ['qwen2.5', 'system-multi', ['hi<|im_end|>', 'hi again<|im_end|>']],
  ['qwen3', 'single', ['<think>\n\n</think>\n\n4<|im_end|>']],
  ['mistral-v0.1', 'single', ['4</s>']],
  ['mistral-v0.3', 'single', [' 4</s>']],
  ['gemma-2', 'single', ['4<end_of_turn>']],
  ['zephyr', 'system-multi', ['hi</s>', 'hi again</s>']],
  ['smollm2', 'single', ['4<|im_end|>']],
  // Its last turn is followed by an end-of-text token that the others lack, and that no sampler would get to.
  ['phi-3', 'system-multi', ['hi<|end|>', 'hi again<|end|>']],
  ['qwen2.5', 'empty', ['<|im_end|>']],
])('%s, %s: what is learnt runs from the generation prompt to the stop token', (name, conversation, expected) => {
  expect(trained(name, conversation)).toEqual(expected)
})

test('tool calls are learnt, tool results are not', () => {
  const [call, answer] = trained('qwen2.5', 'tools', { tools: recorded.tools })
  expect(call).toMatch(/^<tool_call>\n\{"name": "get_weather".*<\/tool_call><\|im_end\|>$/s)
  expect(answer).toBe('Sunny.<|im_end|>')
})

test('turns with "train": false are left out', () => {
  const messages = (recorded.conversations['system-multi'] as Message[]).map((message) => ({ ...message }))
  ;(messages[2] as Message).train = false
  for (const name of ['qwen2.5', 'marked-chatml'])
    expect(trainedOf(load(name).spans(messages))).toEqual(['hi again<|im_end|>'])
  expect(load('qwen2.5').render(messages)).not.toContain('train')
  ;(messages[4] as Message).train = false
  expect(codeOf(() => load('qwen2.5').spans(messages))).toBe('E_MASK_EMPTY')
})

const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return (error as HoneError).code
  }
  return 'none'
}

test('a conversation without an assistant is refused', () => {
  for (const name of names) expect(codeOf(() => trained(name, 'prompt'))).toBe('E_MASK_EMPTY')
})

test('a template that rewrites earlier turns is refused, with the turn and the place', () => {
  const spans = () => trained('qwen3', 'thinking')
  expect(codeOf(spans)).toBe('E_TEMPLATE_MASK')
  expect(spans).toThrow(/message 2 \(assistant\) .* at character \d+ .*<think>/)
  expect(codeOf(() => trained('mistral-v0.3', 'system'))).toBe('E_TEMPLATE_MASK')
  // Where only the last turn is learnt, how earlier ones are rendered does not matter.
  const messages = recorded.conversations.thinking?.map((message, i) =>
    i === 1 ? { ...message, train: false } : message,
  )
  expect(trainedOf(load('qwen3').spans(messages as Message[]))).toEqual(['<think>\nhm\n</think>\n\n5<|im_end|>'])
})

const marked = (body: string) => chatTemplate(`{% for m in messages %}${body}{% endfor %}`)
const pair: Message[] = [
  { role: 'user', content: 'q' },
  { role: 'assistant', content: 'a' },
]

test('generation marks hold where their text is printed later, and are refused where it is changed', () => {
  const stored =
    "{% set text %}{% if m.role == 'assistant' %}{% generation %} {{ m.content }} {% endgeneration %}{% endif %}{% endset %}"
  expect(trainedOf(marked(`${stored}<{{ text }}>`).spans(pair))).toEqual([' a '])
  expect(codeOf(() => marked(`${stored}<{{ text | trim }}>`).spans(pair))).toBe('E_TEMPLATE_MASK')
  expect(codeOf(() => marked(`${stored}<{{ text | length }}>`).spans(pair))).toBe('E_TEMPLATE_MASK')
  expect(codeOf(() => marked(`${stored}<{{ text | reverse }}>`).spans(pair))).toBe('E_TEMPLATE_MASK')
  expect(codeOf(() => marked('{% generation %}{% endgeneration %}x').spans(pair))).toBe('E_MASK_EMPTY')
})

test('"train": false needs one marked passage a turn', () => {
  const twice = marked(
    "{% if m.role == 'assistant' %}{% generation %}x{% endgeneration %}-{% generation %}y{% endgeneration %}{% endif %}",
  )
  expect(trainedOf(twice.spans(pair))).toEqual(['x', 'y'])
  const more = [...pair, { role: 'assistant', content: 'b', train: false }]
  expect(codeOf(() => twice.spans(more))).toBe('E_TEMPLATE_MASK')
})

test('content that looks like a sentinel or a template stays content', () => {
  const contents = fc.array(
    fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('\ufdd0', '\ufdd1', '\ufdd2', '{{ x }}', '{% endgeneration %}', '<|im_end|>'),
    ),
    { maxLength: 5 },
  )
  fc.assert(
    fc.property(contents, contents, (asked, answered) => {
      const messages = [
        { role: 'user', content: asked.join('') },
        { role: 'assistant', content: answered.join('') },
        { role: 'user', content: answered.join('') },
        { role: 'assistant', content: asked.join('') },
      ]
      for (const name of ['marked-chatml', 'smollm2', 'llama-3']) {
        const template = load(name)
        const spans = template.spans(messages)
        expect(spans.map(({ text }) => text).join('')).toBe(template.render(messages))
        expect(trainedOf(spans).length).toBe(2)
      }
    }),
    { numRuns: 60 },
  )
})

test('the built-in ChatML is the recorded one but for the system turn that SmolLM2 adds', () => {
  const template = chatTemplate(CHATML_TEMPLATE)
  for (const { conversation, addGenerationPrompt, text } of casesOf('smollm2')) {
    if (!conversation.startsWith('system')) continue
    expect(template.render(recorded.conversations[conversation] as Message[], { addGenerationPrompt })).toBe(text)
  }
})

test('further variables reach the template, reasoning under any of its names', () => {
  const prompt = recorded.conversations.prompt as Message[]
  const off = load('qwen3').render(prompt, { addGenerationPrompt: true, variables: { enable_thinking: false } })
  expect(off.endsWith('<think>\n\n</think>\n\n')).toBe(true)
  const thought = [...prompt, { role: 'assistant', content: '4', reasoning: 'two twos' } as Message]
  expect(load('qwen3').render(thought)).toContain('<think>\ntwo twos\n</think>\n\n4')
})
