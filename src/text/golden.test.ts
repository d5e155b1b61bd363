import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { gguf } from '@huggingface/gguf'
import { expect, test } from 'vitest'
import { sharedFolder } from '../../test/shared.ts'
import { readSentencePiece, sentencePieceToJson } from './sentencepiece.ts'
import { tokenizerFromJson } from './tokenizer.ts'
import type { Tokenizer } from './types.ts'

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

test.runIf(folder).each(['llama-spm', 'phi-3'])('SentencePiece BPE, from a GGUF vocabulary: %s', async (name) => {
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

test.runIf(folder).each(['gpt-2', 'starcoder'])('byte-level BPE, from a GGUF vocabulary: %s', async (name) => {
  const vocabulary = await ggufVocabulary(name)
  const digits = { type: 'Digits', individual_digits: true }
  const bytes = { type: 'ByteLevel', add_prefix_space: false, use_regex: true }
  const tokenizer = tokenizerFromJson({
    pre_tokenizer: { type: 'Sequence', pretokenizers: name === 'starcoder' ? [digits, bytes] : [bytes] },
    decoder: { type: 'ByteLevel' },
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(vocabulary['tokenizer.ggml.tokens'].map((token, id) => [token, id])),
      merges: vocabulary['tokenizer.ggml.merges'],
    },
  })
  expect(misses(tokenizer, name)).toEqual([])
  for (const { text, ids } of goldenOf(name)) expect(tokenizer.decode(ids)).toBe(text)
})
