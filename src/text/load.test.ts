import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { HoneError } from '../base/index.ts'
import { loadTokenizer } from './load.ts'
import { readSentencePiece, sentencePieceToJson } from './sentencepiece.ts'
import { loadChatTemplate } from './template.ts'
import { tokenizerFromJson } from './tokenizer.ts'
import type { BpeSpec, TokenizerJson } from './tokenizer-json.ts'
import type { Tokenizer } from './types.ts'

const read = (name: string) => JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8'))
const json = read('tokenizers').recorded.find(({ name }: { name: string }) => name === 'bytes-qwen2')
  .json as TokenizerJson
const model = Buffer.from(read('sentencepiece').models[0].model, 'base64')

const temporary = mkdtempSync(join(tmpdir(), 'hone-text-'))
afterAll(() => rmSync(temporary, { recursive: true }))
let folders = 0
function folderWith(files: Record<string, unknown>): string {
  const folder = join(temporary, String(folders++))
  mkdirSync(folder)
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(
      join(folder, name),
      typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content),
    )
  }
  return folder
}
const load = (files: Record<string, unknown>): Promise<Tokenizer> => loadTokenizer(folderWith(files))
async function failure(promise: Promise<unknown>): Promise<HoneError> {
  const error = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  )
  expect(error).toBeInstanceOf(HoneError)
  return error as HoneError
}

test('tokenizer.json comes first, roles from either configuration file', async () => {
  const map = { eos_token: { content: '</s>' }, bos_token: '<unk>' }
  const tokenizer = await load({
    'tokenizer.json': json,
    'tokenizer.model': model,
    'tokenizer_config.json': { bos_token: '<s>' },
    'special_tokens_map.json': map,
  })
  expect([tokenizer.bos, tokenizer.eos, tokenizer.pad]).toEqual([tokenizer.idOf('<s>'), tokenizer.idOf('</s>'), null])
  expect(tokenizer.fingerprint).toBe(tokenizerFromJson(json, { bos_token: '<s>', eos_token: '</s>' }).fingerprint)
  expect(tokenizer.files().map(({ name }) => name)).toEqual([
    'tokenizer.json',
    'tokenizer_config.json',
    'special_tokens_map.json',
  ])
})

test('vocab.json and merges.txt make the tokenizer that tokenizer.json makes', async () => {
  const { vocab, merges } = json.model as BpeSpec
  const lines = merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')))
  const files = {
    'vocab.json': vocab,
    'merges.txt': `#version: 0.2\n${lines.join('\n')}\n`,
    'added_tokens.json': { '<tag>': 900 },
    'tokenizer_config.json': { tokenizer_class: 'Qwen2Tokenizer', eos_token: '</s>' },
  }
  const tokenizer = await load(files)
  const whole = tokenizerFromJson({ ...json, added_tokens: [] }, { eos_token: '</s>' })
  const text = "The größe, it's 123  你好\n\n x</s>"
  expect(tokenizer.encode(text)).toEqual(whole.encode(text))
  expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
  expect(tokenizer.encode('a<tag>b')).toContain(900)
  const gpt2 = await load({ ...files, 'tokenizer_config.json': {} })
  expect(gpt2.encode('123')).not.toEqual(tokenizer.encode('1'))
  const again = await load(Object.fromEntries(tokenizer.files().map(({ name, content }) => [name, content])))
  expect(again.encode(text)).toEqual(tokenizer.encode(text))
})

test("GPT-2's own folder, without configuration, has its one special token in every role", async () => {
  const vocab = { a: 0, b: 1, ab: 2, '<|endoftext|>': 3 }
  const tokenizer = await load({ 'vocab.json': vocab, 'merges.txt': 'a b' })
  expect([tokenizer.bos, tokenizer.eos, tokenizer.addBos]).toEqual([3, 3, false])
  expect(tokenizer.encode('ab<|endoftext|>')).toEqual([2, 3])
})

test('a SentencePiece model brings its own roles', async () => {
  const tokenizer = await load({ 'tokenizer.model': model })
  expect([tokenizer.tokenOf(tokenizer.bos as number), tokenizer.tokenOf(tokenizer.eos as number)]).toEqual([
    '<s>',
    '</s>',
  ])
  expect(tokenizer.addBos).toBe(true)
  const again = await load(Object.fromEntries(tokenizer.files().map(({ name, content }) => [name, content])))
  expect(again.fingerprint).toBe(tokenizer.fingerprint)
  expect([again.bos, again.eos, again.addBos]).toEqual([tokenizer.bos, tokenizer.eos, true])
  const text = 'the <s>of'
  const spell = (from: Tokenizer): string[] => from.encode(text).map((id) => from.tokenOf(id))
  expect(spell(tokenizer).join('|')).toContain('<s>|▁of')
  const newer = await load({
    'tokenizer.model': model,
    'tokenizer_config.json': { legacy: false, add_bos_token: false },
  })
  expect(spell(newer).join('|')).not.toContain('<s>|▁of')
  expect(newer.addBos).toBe(false)
})

test('a folder without a tokenizer is named with what was looked for', async () => {
  const folder = folderWith({ 'vocab.json': {}, 'config.json': {} })
  const error = await failure(loadTokenizer(folder))
  expect(error.code).toBe('E_TOKENIZER_MISSING')
  for (const part of [folder, 'tokenizer.json', 'vocab.json', 'merges.txt', 'tokenizer.model'])
    expect(error.message).toContain(part)
  expect((await failure(loadTokenizer(join(folder, 'nowhere')))).code).toBe('E_TOKENIZER_MISSING')
})

test.each([
  ['tokenizer.json', { 'tokenizer.json': '{"model": ' }],
  ['tokenizer.json', { 'tokenizer.json': '[1]' }],
  ['tokenizer.json', { 'tokenizer.json': '' }],
  ['tokenizer_config.json', { 'tokenizer.json': json, 'tokenizer_config.json': 'null' }],
  ['special_tokens_map.json', { 'tokenizer.json': json, 'special_tokens_map.json': '{' }],
  ['vocab.json', { 'vocab.json': { a: 'x' }, 'merges.txt': '' }],
  ['vocab.json', { 'vocab.json': { a: 0 }, 'merges.txt': 'a b' }],
  ['tokenizer.model', { 'tokenizer.model': Buffer.from('IQ== 0\nIg== 1\n') }],
  ['tokenizer.model', { 'tokenizer.model': Buffer.alloc(0) }],
  ['tokenizer.model', { 'tokenizer.model': model.subarray(0, model.length - 7) }],
])('a damaged %s is named', async (name, files) => {
  const error = await failure(load(files))
  expect(error.code).toBe('E_TOKENIZER')
  expect(error.message).toContain(name)
})

test('random and damaged protocol buffers give an error or a tokenizer, never a crash or a hang', () => {
  const damaged = fc
    .tuple(fc.nat({ max: model.length - 1 }), fc.uint8Array({ minLength: 1, maxLength: 6 }))
    .map(([at, junk]) => {
      const bytes = Uint8Array.from(model)
      bytes.set(junk.subarray(0, bytes.length - at), at)
      return bytes
    })
  const early = damaged.map((bytes) => bytes.subarray(0, 600))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), early), (bytes) => {
      try {
        tokenizerFromJson(sentencePieceToJson(readSentencePiece(bytes, 'tokenizer.model'))).encode('the of')
      } catch (error) {
        expect((error as HoneError).code).toBe('E_TOKENIZER')
      }
    }),
    { numRuns: 2000 },
  )
})

test('chat templates: chat_template.jinja before tokenizer_config.json, one or named', async () => {
  const messages = [{ role: 'user', content: 'x' }]
  const template = (files: Record<string, unknown>) =>
    loadChatTemplate(folderWith({ 'tokenizer.json': json, ...files }))
  expect(await template({})).toBeNull()
  const config = { chat_template: '{{ bos_token }}one', bos_token: '<s>' }
  expect((await template({ 'tokenizer_config.json': config }))?.render(messages)).toBe('<s>one')
  const both = await template({ 'tokenizer_config.json': config, 'chat_template.jinja': '{{ bos_token }}file\n' })
  expect(both?.render(messages)).toBe('<s>file')
  const named = [
    { name: 'default', template: 'plain' },
    { name: 'tool_use', template: 'with {{ tools | length }}' },
  ]
  const two = await template({ 'tokenizer_config.json': { chat_template: named } })
  expect(two?.render(messages)).toBe('plain')
  expect(two?.render(messages, { tools: [{}] })).toBe('with 1')
  const none = { chat_template: [{ name: 'rag', template: '' }] }
  expect((await failure(template({ 'tokenizer_config.json': none }))).message).toContain('rag')
  expect((await failure(template({ 'chat_template.jinja': '{% if' }))).code).toBe('E_TEMPLATE')
  const unknown = loadChatTemplate(folderWith({ 'tokenizer.model': model, 'chat_template.jinja': '{{ eos_token }}' }))
  expect((await unknown)?.render(messages)).toBe('</s>')
})

test('a turn ends at the tokens that the folder marks as special', async () => {
  const source =
    '{% for m in messages %}{{ m.role }}:{{ m.content }}<tag>\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}'
  const messages = [
    { role: 'user', content: 'q' },
    { role: 'assistant', content: 'a' },
  ]
  const trained = async (special: boolean): Promise<string | undefined> => {
    const added = [{ id: 900, content: '<tag>', special }]
    const template = await loadChatTemplate(
      folderWith({ 'tokenizer.json': { ...json, added_tokens: added }, 'chat_template.jinja': source }),
    )
    return template?.spans(messages).find((span) => span.trained)?.text
  }
  expect(await trained(true)).toBe('a<tag>')
  expect(await trained(false)).toBe('a<tag>\n')
})
