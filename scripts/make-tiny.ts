/**
 * Makes the shipped base model again: trains its tokenizer and its weights from seeded text, and writes a plain Hugging
 * Face folder. `npm run make:tiny -- --data FOLDER [--out FOLDER] [--tokens N]`; FOLDER holds the texts named in
 * models/tiny/README.md. The 12 M tokens take 24 minutes on 2 cores.
 */
import { parseArgs } from 'node:util'
import { HoneError, joinPath, platform, random } from '../src/base/index.ts'
import { packTree, type RowInput } from '../src/batch/index.ts'
import { openLocalEngine } from '../src/engine/index.ts'
import { exportHuggingFace } from '../src/export/index.ts'
import { readRows } from '../src/formats/index.ts'
import { initModel } from '../src/models/index.ts'
import { sft } from '../src/objectives/index.ts'
import { openBackend, scheduleFactor } from '../src/tensor/index.ts'
import { tokenizerFromJson, trainBpe } from '../src/text/index.ts'
import { naturalPassages, tinyCorpus } from './tiny/mix.ts'

const vocabSize = 2048
/** Longest row; documents are cut there. */
const rowTokens = 320
/** Tokens of one update. */
const batchTokens = 1024
const specialTokens = ['<|endoftext|>', '<|system|>', '<|user|>', '<|assistant|>', '<|tool|>', '<|end|>']

const config = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: vocabSize,
  hidden_size: 192,
  intermediate_size: 512,
  num_hidden_layers: 6,
  num_attention_heads: 6,
  num_key_value_heads: 6,
  head_dim: 32,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  hidden_act: 'silu',
  attention_bias: false,
  mlp_bias: false,
  tie_word_embeddings: true,
  bos_token_id: 0,
  eos_token_id: [0, 5],
  pad_token_id: 0,
  torch_dtype: 'bfloat16',
}

/** A space before each text, so that its first word is spelled as inside a sentence. */
const chatTemplate = `{%- for message in messages -%}
{%- if message.role == 'assistant' -%}
<|assistant|>{% generation %}{{ ' ' + message.content }}<|end|>{% endgeneration %}
{%- else -%}
<|{{ message.role }}|>{{ ' ' + message.content }}<|end|>
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}<|assistant|>{%- endif -%}`

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    out: { type: 'string', default: joinPath(platform().packageRoot(), 'models/tiny') },
    tokens: { type: 'string', default: '12000000' },
    seed: { type: 'string', default: '0' },
    rate: { type: 'string', default: '0.002' },
  },
})
if (!values.data) throw new HoneError('E_USAGE', 'give the folder of the texts: npm run make:tiny -- --data FOLDER')
const seed = Number(values.seed)
const totalTokens = Number(values.tokens)
const say = (line: string) => console.error(line)

const texts = await readTexts(values.data)
/** Characters a token, roughly; the stream is cut by tokens below. */
const characters = totalTokens * 4.2
const corpus = () => tinyCorpus({ seed, texts, characters, skillShare: 0.65 })

say('training the tokenizer …')
// Mostly running text, so that a word of the tasks is spelled by the pieces that it has in language.
const skills = tinyCorpus({ seed, texts: [], characters: 1e6, echoCharacters: 0 })
const language = naturalPassages(seed, texts).train.map((text) => ({ text }))
const tokenizerTexts = [...take(language, 10e6), ...take(skills, 1e6)]
const tokenizerJson = trainBpe(tokenizerTexts, { vocabSize, specialTokens })
const tokenizer = tokenizerFromJson(tokenizerJson, {
  eos_token: '<|endoftext|>',
  bos_token: '<|endoftext|>',
  pad_token: '<|endoftext|>',
})

const backend = await openBackend({ onProgress: say })
const model = initModel(config, { backend, seed })
const size = [...model.parameters.values()].reduce((sum, parameter) => sum + parameter.size, 0)
say(`${(size / 1e6).toFixed(2)} M parameters`)
const engine = openLocalEngine(model, {
  precision: 'bf16',
  optimizer: { kind: 'adamw', weightDecay: 0.1, beta2: 0.95, clip: 1 },
})

const totalSteps = Math.floor(totalTokens / batchTokens)
const began = platform().elapsed()
let step = 0
let seen = 0
let smooth = 0
let batch: RowInput[] = []
let held = 0
for (const document of corpus()) {
  if (step === totalSteps) break
  const row = encode(document.text, seen++)
  batch.push(row)
  held += row.segments[0].tokens.length
  if (held < batchTokens) continue
  const { loss } = await engine.forwardBackward([packTree(batch)], { objective: sft, params: {} })
  const schedule = { kind: 'wsd', warmup: 100, floor: 0.02, decay: 0.35 } as const
  await engine.optimStep({ learningRate: Number(values.rate) * scheduleFactor(step + 1, totalSteps, schedule) })
  step++
  smooth = smooth === 0 ? loss : 0.95 * smooth + 0.05 * loss
  if (step % 200 === 0 || step === totalSteps) {
    const seconds = platform().elapsed() - began
    say(
      `step ${step}/${totalSteps}  loss ${smooth.toFixed(3)}  ${((step * batchTokens) / seconds).toFixed(0)} tokens/s`,
    )
  }
  batch = []
  held = 0
}

const heldOut = naturalPassages(seed, texts).heldOut.slice(0, 200)
let nats = 0
let count = 0
for (const [i, text] of heldOut.entries()) {
  const { logprobs } = await engine.forward(packTree([encode(text, i)]))
  for (const value of logprobs) nats -= value
  count += logprobs.length
}
say(`held-out natural text: ${(nats / count).toFixed(3)} nats a token, ${heldOut.length} passages`)

await platform().makeFolder(values.out)
const tokenizerConfig = {
  tokenizer_class: 'PreTrainedTokenizerFast',
  bos_token: '<|endoftext|>',
  eos_token: '<|end|>',
  pad_token: '<|endoftext|>',
  add_bos_token: false,
  clean_up_tokenization_spaces: false,
  model_max_length: config.max_position_embeddings,
  chat_template: chatTemplate,
}
const files = [
  { name: 'tokenizer.json', content: `${JSON.stringify(tokenizerJson)}\n` },
  { name: 'tokenizer_config.json', content: `${JSON.stringify(tokenizerConfig, null, 2)}\n` },
]
await exportHuggingFace(model, values.out, { dtype: 'bf16', files })
say(`wrote ${values.out}`)
await engine.close()
backend.close()

/** Public-domain novels, Shakespeare, and the stories in English under CC BY. */
async function readTexts(folder: string): Promise<string[]> {
  const found: string[] = []
  for await (const { value } of readRows(joinPath(folder, 'text_novels/novels100.jsonl.gz')))
    found.push(String(value['text']))
  for await (const { value } of readRows(joinPath(folder, 'text_african_storybook/stories.jsonl.gz'))) {
    const free = /^\[?CC[ -]BY\]?$/.test(String(value['license']))
    if (value['lang'] === 'en' && free) found.push((value['pages'] as string[]).join('\n\n'))
  }
  const plays: string[] = []
  for await (const { value } of readRows(joinPath(folder, 'text_tinyshakespeare/tiny_shakespeare.txt.gz'))) {
    plays.push(String(value['text']))
  }
  found.push(plays.join('\n'))
  return found
}

function* take(documents: Iterable<{ text: string }>, limit: number): Generator<string> {
  let given = 0
  for (const { text } of documents) {
    if (given > limit) return
    given += text.length
    yield text
  }
}

/** A document as a row: every token is learnt, its end too; what is too long begins at a drawn place. */
function encode(text: string, id: number): RowInput {
  const tokens = [0, ...tokenizer.encode(` ${text}`, { special: false }), 0]
  const spare = tokens.length - rowTokens
  const from = spare > 0 ? random(seed, 'tiny-crop').below(spare + 1, id) : 0
  const cut = tokens.slice(from, from + rowTokens)
  return { id, segments: [{ tokens: cut, loss: new Uint8Array(cut.length).fill(1) }] }
}
