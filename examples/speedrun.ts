/**
 * From nothing to a model that answers, in one script: train a tokenizer, pretrain a small Llama, tune it on chats,
 * prefer one style of answer by DPO, measure each, and talk to it. Everything is seeded and made here; nothing is read.
 *
 *     node --conditions=source examples/speedrun.ts [--scale 1] [--seed 0]
 *
 * --scale 0.001 takes seconds and only shows that every part runs; the amounts grow with the scale.
 */
import { parseArgs } from 'node:util'
import { joinPath, platform } from 'hone-lm/base'
import { packTree, type RowInput } from 'hone-lm/batch'
import { openLocalEngine, openModel } from 'hone-lm/engine'
import { tinyChats, tinyPairs } from 'hone-lm/envs'
import { evaluate } from 'hone-lm/evaluate'
import { exportHuggingFace } from 'hone-lm/export'
import { initModel } from 'hone-lm/models'
import { sft as likelihood } from 'hone-lm/objectives'
import { openBackend } from 'hone-lm/tensor'
import { CHATML_TEMPLATE, tokenizerFromJson, trainBpe } from 'hone-lm/text'
import { dpo, sft } from 'hone-lm/train'

const { values: given } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    seed: { type: 'string', default: '0' },
    out: { type: 'string', default: 'runs/speedrun' },
  },
})
const scale = Number(given.scale)
const seed = Number(given.seed)
const sized = (n: number) => Math.max(1, Math.round(n * scale))
const say = (line: string) => console.log(line)

// 1. Text. A base model learns language first and conversation later, so the pages are plain: the answers without the
//    chat around them.
const pages = tinyChats(seed + 1, sized(200_000) + 64).map(({ messages }) =>
  messages.map(({ content }) => content).join('\n'),
)

// 2. A tokenizer: byte-level BPE, whose first ids are the marks of a conversation.
const special = ['<|endoftext|>', '<|im_start|>', '<|im_end|>']
const tokenizerJson = trainBpe(pages, { vocabSize: 1024, specialTokens: special })
const names = { bos_token: special[0], eos_token: special[2], pad_token: special[0] }
const tokenizer = tokenizerFromJson(tokenizerJson, names)
say(
  `tokenizer: ${tokenizer.vocabSize} ids; ${tokenizer.encode(pages[0]).length} tokens for ${pages[0].length} characters`,
)

// 3. A model with random weights. config.json is the only description of it.
const width = scale < 0.1 ? 48 : 192
const config = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: tokenizer.vocabSize,
  hidden_size: width,
  intermediate_size: Math.round((width * 8) / 3 / 16) * 16,
  num_hidden_layers: scale < 0.1 ? 2 : 6,
  num_attention_heads: width / 16,
  num_key_value_heads: width / 16,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  hidden_act: 'silu',
  tie_word_embeddings: true,
  bos_token_id: 0,
  eos_token_id: [0, 2],
  torch_dtype: 'float32',
}
const backend = await openBackend({ onProgress: say })
const model = initModel(config, { backend, seed })
const engine = openLocalEngine(model, { precision: 'bf16', optimizer: { weightDecay: 0.1, beta2: 0.95 } })

// 4. Pretraining: the likelihood of every token of every page, in batches of pages packed side by side.
const row = (text: string, id: number): RowInput => {
  const tokens = [0, ...tokenizer.encode(text, { special: false }), 0].slice(0, config.max_position_embeddings)
  return { id, segments: [{ tokens, loss: new Uint8Array(tokens.length).fill(1) }] }
}
const perUpdate = 64
const updates = Math.floor(pages.length / perUpdate)
for (let step = 0; step < updates; step++) {
  const rows = pages.slice(step * perUpdate, (step + 1) * perUpdate).map((page, i) => row(page, i))
  const { loss } = await engine.forwardBackward([packTree(rows)], { objective: likelihood, params: {} })
  await engine.optimStep({ learningRate: 3e-3 * Math.min(1, (step + 1) / 50, (updates - step) / (updates / 3)) })
  if (step % Math.ceil(updates / 10) === 0) say(`pretraining ${step}/${updates}  loss ${loss.toFixed(3)}`)
}
const base = joinPath(given.out, 'base')
await platform().makeFolder(base)
const tokenizerConfig = { ...names, tokenizer_class: 'PreTrainedTokenizerFast', chat_template: CHATML_TEMPLATE }
await exportHuggingFace(model, base, {
  files: [
    { name: 'tokenizer.json', content: JSON.stringify(tokenizerJson) },
    { name: 'tokenizer_config.json', content: JSON.stringify(tokenizerConfig) },
  ],
})
await engine.close()
backend.close()

// 5. Conversations, then preferences. From here on it is the same on your own model and data.
const keys = { seed, overwrite: true, precision: 'bf16', batchSize: 32, schedule: 'linear' } as const
const chats = tinyChats(seed, sized(20_000))
const tuned = await sft({ model: base, data: chats, out: joinPath(given.out, 'sft'), ...keys, learningRate: 1.5e-3 })
say(`sft: loss ${tuned.loss?.toFixed(3)} after ${tuned.steps} updates`)
const pairs = tinyPairs(seed, sized(2_000))
const preferred = await dpo({
  model: tuned.out,
  data: pairs,
  out: joinPath(given.out, 'dpo'),
  ...keys,
  learningRate: 1e-4,
})
say(`dpo: loss ${preferred.loss?.toFixed(3)} after ${preferred.steps} updates`)

// 6. What it can do now, on wordings and words it has not seen, and what it says.
await using opened = await openModel(preferred.out)
const { tasks } = await evaluate(opened, ['tiny', 'tiny-style'], { seed, n: sized(400) })
for (const [name, { value, low, high }] of Object.entries(tasks)) {
  say(`${name}: ${(100 * value).toFixed(0)} % [${(100 * low).toFixed(0)}, ${(100 * high).toFixed(0)}]`)
}
const question = [{ role: 'user', content: 'What is the last word of: lamp, river, stone?' }]
const prompt = opened.tokenizer.encode(opened.template?.render(question, { addGenerationPrompt: true }) ?? '')
for await (const { text } of opened.engine.sample([{ tokens: prompt }], { temperature: 0, maxTokens: 24 })) say(text)
