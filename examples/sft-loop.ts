/**
 * Supervised tuning as one loop, with nothing hidden: open a model, mark what to learn, and for each update run the
 * model, form the loss, go back, and step. Read this first; `hone train sft` adds to it a run folder, checkpoints that
 * resume, evaluation, and refusals of bad data.
 *
 *     node --conditions=source examples/sft-loop.ts [--model tiny] [--steps 60] [--seed 0]
 *
 * Letters: T tokens of a packed batch, P learnt tokens, D width, V vocabulary.
 */
import { parseArgs } from 'node:util'
import { random } from 'hone-lm/base'
import { packTree, predecessors, type RowInput } from 'hone-lm/batch'
import { encodeRow, type Row } from 'hone-lm/data'
import { openModel } from 'hone-lm/engine'
import { tinyChats } from 'hone-lm/envs'
import { gather, logprobs, openOptimizer, Scope, scheduleFactor, treePlan } from 'hone-lm/tensor'

const { values: given } = parseArgs({
  options: {
    model: { type: 'string', default: 'tiny' },
    steps: { type: 'string', default: '60' },
    seed: { type: 'string', default: '0' },
  },
})
const steps = Number(given.steps)
const seed = Number(given.seed)
const batchSize = 32
const learningRate = 1e-3

// A model on a backend, with its tokenizer and its chat template. `train: 'full'` makes f32 masters of all weights.
await using opened = await openModel(given.model, { train: 'full' })
const { model, tokenizer, template } = opened
const { backend } = model
const weights = model.trainable()
const optimizer = openOptimizer(backend, weights, { kind: 'adamw', clip: 1 })

// Conversations become tokens, and a mark for each token that an assistant wrote: only those are learnt.
const chats = tinyChats(seed, 4000)
const rows: RowInput[] = []
for (const [id, { messages }] of chats.entries()) {
  const row: Row = { kind: 'chat', messages, source: { file: 'tinyChats', line: id + 1 } }
  const encoded = encodeRow(row, { tokenizer, template, maxLength: model.config.contextLength }, id)
  if (encoded) rows.push(encoded.input)
}
const order = random(seed, 'sft-loop').permutation(rows.length)

for (let step = 1; step <= steps; step++) {
  // Rows are packed side by side into one forest, without padding; each sees itself alone.
  const picked = Array.from({ length: batchSize }, (_, i) => rows[order[((step - 1) * batchSize + i) % rows.length]])
  const batch = packTree(picked)

  // All tensors of this step belong to the scope and go with it; it records the way back.
  using scope = new Scope(backend, { record: true })
  const hidden = model.hidden(scope, {
    tokens: scope.from(batch.tokens),
    positions: scope.from(batch.positions),
    plan: treePlan(scope, batch),
  })

  // The token at place t is predicted by its predecessor: for P learnt tokens, P rows of [T, D] meet the vocabulary.
  const targets = scope.from(batch.targets.map((t) => batch.tokens[t]))
  const learnt = logprobs(gather(hidden, predecessors(batch)), model.head, targets)

  // loss = −mean log p. Its derivative by each log-prob is −1/P: that is what goes back through the model.
  const count = batch.targets.length
  const values = Float64Array.from(await learnt.read())
  const loss = -values.reduce((sum, value) => sum + value, 0) / count
  scope.backward(learnt, scope.from(new Float32Array(count).fill(-1 / count)))

  // One update, clipped to a gradient of norm 1; it clears the gradients.
  const rate = learningRate * scheduleFactor(step, steps, { kind: 'linear', warmup: 5, floor: 0, decay: 0 })
  const norm = await optimizer.step(rate)
  if (step % 10 === 0 || step === steps) {
    console.log(
      `step ${step}/${steps}  loss ${loss.toFixed(3)}  gradient ${norm.toFixed(2)}  ${batch.tokens.length} tokens`,
    )
  }
}
optimizer.dispose()

// The tuned model answers. Sampling runs the same kernels, so these log-probs are the ones that training computes.
const question = [{ role: 'user', content: 'What is the last word of: lamp, river, stone?' }]
const prompt = tokenizer.encode(template?.render(question, { addGenerationPrompt: true }) ?? question[0].content)
for await (const { text, logprobs: each } of opened.engine.sample([{ tokens: prompt }], {
  temperature: 0,
  maxTokens: 24,
})) {
  const sum = each.reduce((a, b) => a + b, 0)
  console.log(`${question[0].content}\n→ ${text}   (log-prob ${sum.toFixed(2)})`)
}
