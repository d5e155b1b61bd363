import { readdirSync, readFileSync } from 'node:fs'
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
    spans.forEach((span, i) => expect(span.trained).not.toBe(spans[i + 1]?.trained))
    if (item.generated) expect(trainedOf(spans)).toEqual(item.generated.filter(Boolean))
  }
})

const trainedOf = (spans: { text: string; trained: boolean }[]): string[] =>
  spans.filter(({ trained }) => trained).map(({ text }) => text)
test('x', () => {
  for (const name of names)
    for (const c of Object.keys(recorded.conversations)) {
      try {
        console.log(name, c, JSON.stringify(trainedOf(load(name).spans(recorded.conversations[c] as Message[]))))
      } catch (e) {
        console.log(name, c, (e as Error).message)
      }
    }
})
