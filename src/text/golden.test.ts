import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { gguf } from '@huggingface/gguf'
import { expect, test } from 'vitest'
import { sharedFolder } from '../../test/shared.ts'
import { encodeText } from './conversation.ts'
import { loadTokenizer } from './load.ts'
import { readSentencePiece, sentencePieceToJson } from './sentencepiece.ts'
import { tokenizerFromJson } from './tokenizer.ts'
import type { Tokenizer } from './types.ts'
import { byteLevelJson, bytes } from './vocab-merges.ts'

// Texts and ids that the reference tokenizers gave, recorded by llama.cpp; vocabularies out of its GGUF files.
const shared = sharedFolder()
const folder = shared && existsSync(join(shared, 'data/tokenizers/golden')) ? join(shared, 'data/tokenizers') : null

function goldenOf(name: string): { text: string; ids: number[] }[] {
  const texts = readFileSync(join(folder as string, `golden/ggml-vocab-${name}.gguf.inp`), 'utf8').split(
    '\n__ggml_vocab_test__\n',
  )
  const ids = readFileSync(join(folder as string, `golden/ggml-vocab-${name}.gguf.out`), 'utf8').split('\n')
  return texts
    .slice(0, -1)
    .map((text, i) => ({ text, ids: (ids[i] as string).trim().split(/\s+/).filter(Boolean).map(Number) }))
}

const unpacked = (name: string): Buffer => gunzipSync(readFileSync(join(folder as string, `${name}.gz`)))

interface GgufVocabulary {
  'tokenizer.ggml.tokens': string[]
  'tokenizer.ggml.scores': number[]
  'tokenizer.ggml.token_type': number[]
  'tokenizer.ggml.merges': string[]
}

async function ggufVocabulary(name: string): Promise<GgufVocabulary> {
  const temporary = mkdtempSync(join(tmpdir(), 'hone-golden-'))
  try {
    const path = join(temporary, 'vocab.gguf')
    writeFileSync(path, unpacked(`ggml-vocab-${name}.gguf`))
    const { metadata } = await gguf(path, { allowLocalFile: true })
    return metadata as unknown as GgufVocabulary
  } finally {
    rmSync(temporary, { recursive: true })
  }
}

function misses(tokenizer: Tokenizer, name: string): unknown[] {
  const golden = goldenOf(name)
  expect(golden.length).toBeGreaterThan(40)
  return golden.flatMap(({ text, ids }) => {
    const got = tokenizer.encode(text)
    return JSON.stringify(got) === JSON.stringify(ids) ? [] : [{ text, got, ids }]
  })
}

test.runIf(folder)('SentencePiece BPE, from the model file, gives the golden ids of Llama', () => {
  const model = readSentencePiece(unpacked('llama_sentencepiece_tokenizer.model'), 'tokenizer.model')
  const tokenizer = tokenizerFromJson(sentencePieceToJson(model))
  expect(misses(tokenizer, 'llama-spm')).toEqual([])
  for (const { text, ids } of goldenOf('llama-spm')) expect(tokenizer.decode(ids)).toBe(text)
})

test.runIf(folder)('SentencePiece BPE, from the GGUF vocabulary of Phi-3', async () => {
  const name = 'phi-3'
  const vocabulary = await ggufVocabulary(name)
  const pieces = vocabulary['tokenizer.ggml.tokens'].map((piece, i) => ({
    piece,
    score: vocabulary['tokenizer.ggml.scores'][i] as number,
    type: vocabulary['tokenizer.ggml.token_type'][i] as number,
  }))
  const json = sentencePieceToJson({
    pieces,
    algorithm: 'bpe',
    byteFallback: true,
    charsmap: '',
    addDummyPrefix: true,
    removeExtraWhitespaces: false,
    bosId: 1,
    eosId: 2,
    padId: -1,
  })
  expect(misses(tokenizerFromJson(json), name)).toEqual([])
})

test.runIf(folder)('byte-level BPE, from the GGUF vocabulary of StarCoder', async () => {
  const vocabulary = await ggufVocabulary('starcoder')
  const digits = { type: 'Digits', individual_digits: true }
  const tokenizer = tokenizerFromJson({
    pre_tokenizer: { type: 'Sequence', pretokenizers: [digits, bytes(false, true)] },
    decoder: bytes(false, true),
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(vocabulary['tokenizer.ggml.tokens'].map((token, id) => [token, id])),
      merges: vocabulary['tokenizer.ggml.merges'],
    },
  })
  expect(misses(tokenizer, 'starcoder')).toEqual([])
  for (const { text, ids } of goldenOf('starcoder')) expect(tokenizer.decode(ids)).toBe(text)
})

test.runIf(folder)('byte-level BPE, from vocab.json and merges.txt, gives the golden ids of GPT-2', () => {
  const vocab = JSON.parse(unpacked('gpt2_vocab.json').toString())
  const tokenizer = tokenizerFromJson(byteLevelJson(vocab, unpacked('gpt2_merges.txt').toString(), {}, {}))
  expect(misses(tokenizer, 'gpt-2')).toEqual([])
  for (const { text, ids } of goldenOf('gpt-2')) expect(tokenizer.decode(ids)).toBe(text)
})

const stories = shared && existsSync(join(shared, 'models/stories260K')) ? join(shared, 'models/stories260K') : null
test.runIf(stories)('a folder with tokenizer.json gives the golden ids of stories260K', async () => {
  const golden = JSON.parse(readFileSync(join(stories as string, 'golden.json'), 'utf8')) as {
    greedy: { prompt: string; prompt_ids: number[]; greedy_ids: number[]; greedy_text: string }[]
    nll: { text: string; ids: number[] }
  }
  const tokenizer = await loadTokenizer(stories as string)
  for (const { prompt, prompt_ids, greedy_ids, greedy_text } of golden.greedy) {
    expect(encodeText(tokenizer, prompt)).toEqual(prompt_ids)
    expect(tokenizer.decode(greedy_ids, { skipSpecial: true })).toBe(greedy_text)
  }
  expect(encodeText(tokenizer, golden.nll.text)).toEqual(golden.nll.ids)
})
