import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeConversation, encodePrompt, encodeText } from './conversation.ts'
import { CHATML_TEMPLATE, chatTemplate } from './template.ts'
import { tokenizerFromJson } from './tokenizer.ts'
import type { TokenizerJson } from './tokenizer-json.ts'
import { trainBpe } from './train-bpe.ts'
import type { Message } from './types.ts'

const read = (name: string) => JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8'))
const tokens = ['<|endoftext|>', '<|im_start|>', '<|im_end|>']
const json = trainBpe(read('corpus') as string[], { vocabSize: 450, specialTokens: tokens })
const tokenizer = tokenizerFromJson(json, { bos_token: '<|endoftext|>', eos_token: '<|im_end|>' })
const chatml = chatTemplate(CHATML_TEMPLATE, { stopTokens: tokens })
const metaspace = tokenizerFromJson(
  read('tokenizers').recorded.find(({ name }: { name: string }) => name === 'prepend').json as TokenizerJson,
  { bos_token: '<s>', eos_token: '</s>' },
)
const inst = chatTemplate(
  "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}",
  { tokens: { bos_token: '<s>', eos_token: '</s>' } },
)

const content = fc
  .array(
    fc.oneof(
      fc.constantFrom('the ', 'of', ' ', '\n', '12', 'é', '🦙', '▁'),
      fc.string({ unit: 'grapheme', maxLength: 5 }),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''))
const conversations = fc.array(fc.tuple(content, content), { minLength: 1, maxLength: 3 }).map((pairs) =>
  pairs.flatMap(([asked, answered]): Message[] => [
    { role: 'user', content: asked },
    { role: 'assistant', content: answered },
  ]),
)

test('tokens decode to the rendering; those learnt from to what the assistant wrote', () => {
  fc.assert(
    fc.property(conversations, (messages) => {
      const encoded = encodeConversation(tokenizer, chatml, messages)
      expect(tokenizer.decode(encoded.tokens)).toBe(chatml.render(messages))
      expect(encoded.loss.length).toBe(encoded.tokens.length)
      const learnt = tokenizer.decode(encoded.tokens.filter((_, i) => encoded.loss[i] === 1))
      expect(learnt).toBe(
        messages
          .filter(({ role }) => role === 'assistant')
          .map((message) => `${message.content}<|im_end|>`)
          .join(''),
      )
      const whole = tokenizer.encode(chatml.render(messages))
      expect(encoded.bordersChanged).toBe(JSON.stringify(whole) !== JSON.stringify(encoded.tokens))
    }),
  )
})

test.each([
  ['byte-level', tokenizer, chatml],
  ['SentencePiece', metaspace, inst],
])('%s: a prompt has the ids with which the answered conversation begins', (_name, using, template) => {
  fc.assert(
    fc.property(conversations, (messages) => {
      const { tokens: all, loss } = encodeConversation(using, template, messages)
      messages.forEach(({ role }, i) => {
        if (role !== 'assistant') return
        const prompt = encodePrompt(using, template, messages.slice(0, i))
        expect(all.slice(0, prompt.length)).toEqual(prompt)
        expect(loss[prompt.length]).toBe(1)
      })
    }),
  )
})

test('chosen and rejected share the ids of their prompt', () => {
  const answers = ['the', ' the', '\n', 'é', ''].map((answer) => [
    { role: 'user', content: 'of' },
    { role: 'assistant', content: answer },
  ])
  const prompt = encodePrompt(tokenizer, chatml, answers[0]?.slice(0, 1) as Message[])
  for (const messages of answers) {
    expect(encodeConversation(tokenizer, chatml, messages).tokens.slice(0, prompt.length)).toEqual(prompt)
  }
})

test('the report says where the whole text would have had other ids', () => {
  const joining = tokenizerFromJson(
    trainBpe([':the :the :of'], { vocabSize: 262, specialTokens: [], splitPattern: '\\S+' }),
  )
  const plain = chatTemplate(
    '{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}',
  )
  const ask = (answer: string): Message[] => [
    { role: 'user', content: 'x' },
    { role: 'assistant', content: answer },
  ]
  expect(joining.idOf(':the')).toBeDefined()
  const changed = encodeConversation(joining, plain, ask('the'))
  expect(changed.bordersChanged).toBe(true)
  expect(changed.tokens).not.toContain(joining.idOf(':the'))
  expect(encodeConversation(joining, plain, ask(' the')).bordersChanged).toBe(false)
})

test('an earlier answer that cannot be told apart still makes a prompt', () => {
  const shouting = chatTemplate(
    '{% for m in messages %}{{ m.content }}{{ loop.length }}{% endfor %}{% if add_generation_prompt %}>{% endif %}',
  )
  const messages = [
    { role: 'user', content: 'a' },
    { role: 'assistant', content: 'b' },
    { role: 'user', content: 'c' },
  ]
  expect(() => encodeConversation(tokenizer, shouting, messages)).toThrow(/message 2/)
  expect(tokenizer.decode(encodePrompt(tokenizer, shouting, messages))).toBe('a3b3c3>')
  const refusing = chatTemplate("{{ raise_exception('no') }}")
  expect(() => encodePrompt(tokenizer, refusing, messages)).toThrow('no')
})

test('a plain text begins and ends as asked', () => {
  const ids = tokenizer.encode('the')
  expect(encodeText(tokenizer, 'the')).toEqual(ids)
  expect(encodeText(tokenizer, 'the', { bos: true, eos: true })).toEqual([0, ...ids, 2])
  const begins = tokenizerFromJson(json, { bos_token: '<|endoftext|>', add_bos_token: true })
  expect(encodeText(begins, 'the')).toEqual([0, ...ids])
  expect(encodeText(begins, 'the', { bos: false })).toEqual(ids)
  expect(() => encodeText(begins, 'the', { eos: true })).toThrow('no end token')
})
