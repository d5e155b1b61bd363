/** Published data under a real tokenizer and real templates, all the way to packed batches. */
import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { sharedFolder } from '../../test/shared.ts'
import { HoneError } from '../base/index.ts'
import { packTree } from '../batch/index.ts'
import { chatTemplate, tokenizerFromJson } from '../text/index.ts'
import { microBatches, planBatches } from './batches.ts'
import { type Dataset, openDataset } from './dataset.ts'
import { type EncodedRow, encodeRow } from './encode.ts'
import { encodeDataset } from './encoded.ts'

const folder = sharedFolder()
const data = (name: string) => `${folder}/data/${name}`
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i)

async function realTokenizer() {
  const json = gunzipSync(await readFile(data('tokenizers/smollm2_tokenizer.json.gz'))).toString()
  const config = await readFile(data('tokenizers/smollm2_tokenizer_config.json'), 'utf8')
  return tokenizerFromJson(JSON.parse(json), JSON.parse(config))
}

async function realTemplate(name: string, eos: string) {
  const source = await readFile(new URL(`../text/fixtures/templates/${name}.jinja`, import.meta.url), 'utf8')
  return chatTemplate(source, { tokens: { bos_token: '<s>', eos_token: eos }, stopTokens: [eos] })
}

test.runIf(folder)('pairs: root and leaf decode to what the template renders', async () => {
  const tokenizer = await realTokenizer()
  for (const [name, eos] of [
    ['qwen2.5', '<|im_end|>'],
    ['llama-3', '<|eot_id|>'],
    ['zephyr', '</s>'],
  ]) {
    const template = await realTemplate(name, eos)
    for (const file of ['pref_demos/dpo_en_demo.json.gz', 'hh_rlhf/harmless_base_test.jsonl.gz']) {
      await using dataset = await openDataset(data(file), { limit: 15 })
      for (const i of upTo(dataset.length)) {
        const row = await dataset.read(i)
        if (row.kind !== 'preference' || !row.chat) throw new Error(`row ${i} is ${row.kind}`)
        const context = { tokenizer, template, maxLength: 100_000, form: 'pairs' } as const
        const { input, lossTokens } = encodeRow(row, context, i) as EncodedRow
        expect(input.segments.length).toBe(3)
        for (const [s, answer] of [row.chosen, row.rejected].entries()) {
          const path = [...Array.from(input.segments[0].tokens), ...Array.from(input.segments[1 + s].tokens)]
          expect(tokenizer.decode(path)).toBe(template.render([...row.prompt, ...answer]))
        }
        expect(packTree([input]).targets.length).toBe(lossTokens)
      }
    }
  }
})

test.runIf(folder)('gsm8k from file to packed batches', async () => {
  const tokenizer = await realTokenizer()
  await using dataset: Dataset = await openDataset(data('gsm8k/train.jsonl.gz'), { limit: 200, evalFraction: 0.1 })
  const encoded = encodeDataset(dataset, { tokenizer, template: null, maxLength: 512 })
  const survey = await encoded.survey()
  expect(survey.length).toBe(180)
  const plan = planBatches((epoch) => survey.order(epoch, 1), { batchSize: 16 })
  let tokens = 0
  let targets = 0
  for (const update of upTo(plan.updates)) {
    const rows = (await encoded.readMany(plan.rows(update))) as EncodedRow[]
    for (const places of microBatches(
      rows.map((row) => row.tokens),
      1024,
    )) {
      const tree = packTree(places.map((place) => rows[place].input))
      expect(tree.tokens.length).toBeLessThanOrEqual(1024)
      tokens += tree.tokens.length
      targets += tree.targets.length
    }
  }
  expect([tokens, targets]).toEqual([survey.statistics.tokens, survey.statistics.lossTokens])
})

test.runIf(folder)('rows without an assistant turn are told by file and line', async () => {
  const file = data('open_instruct_samples/rlvr_test.jsonl')
  await using dataset = await openDataset(file)
  const template = await realTemplate('qwen2.5', '<|im_end|>')
  const encoded = encodeDataset(dataset, { tokenizer: await realTokenizer(), template, maxLength: 512 })
  const error = await encoded.survey().catch((error: unknown) => error)
  expect(error).toBeInstanceOf(HoneError)
  expect((error as HoneError).message).toBe(
    `${file}:1: no token to learn from: the conversation has no assistant turn (roles: user)`,
  )
})
