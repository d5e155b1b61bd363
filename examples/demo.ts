/**
 * The whole path in one go: the shipped base model → supervised tuning on chats → DPO on pairs → evaluation of all three
 * on wordings and words that neither tuning nor pretraining has seen.
 *
 *     npm run demo [-- --seed N] [--out FOLDER]
 */
import { parseArgs } from 'node:util'
import { joinPath, platform } from 'hone-lm/base'
import { openModel } from 'hone-lm/engine'
import { tinyChats, tinyPairs } from 'hone-lm/envs'
import { type EvaluateResult, evaluate } from 'hone-lm/evaluate'
import { advanceProgress, evalText, progressLine, type SampleRow, startProgress, writeReport } from 'hone-lm/report'
import { dpo, sft, type TrainHooks } from 'hone-lm/train'

const { values: given } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, out: { type: 'string' } },
})
const seed = Number(given.seed)
const out = given.out ?? joinPath('runs', `demo-${seed}`)
const began = platform().elapsed()
const live = process.stderr.isTTY
const status = (line: string) => live && process.stderr.write(`\r\x1b[K${line}`)
const say = (line = '') => {
  status('')
  console.log(line)
}

/** A line that follows a training: redrawn in a terminal, else printed now and then. */
function follow(label: string, updates: number): TrainHooks {
  let progress = startProgress(label, updates)
  let printed = platform().elapsed()
  const start = printed
  return {
    onProgress: status,
    onEvent(event) {
      const now = platform().elapsed()
      progress = advanceProgress(progress, event, now - start)
      if (event.type === 'warning') say(event.message)
      if (live) status(progressLine(progress, process.stderr.columns))
      else if (now - printed > 10) {
        printed = now
        console.log(progressLine(progress, 100))
      }
    },
  }
}

// The data comes from seeded generators and is written down, so that you can read it and train on it by hand.
await platform().makeFolder(out)
const jsonl = async (name: string, rows: object[]) => {
  const path = joinPath(out, name)
  await platform().writeAtomic(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  return path
}
const chatCount = 30_000
const pairCount = 1_200
const chats = await jsonl('chats.jsonl', tinyChats(seed, chatCount))
const pairs = await jsonl('pairs.jsonl', tinyPairs(seed, pairCount))
const shared = { overwrite: true, seed, epochs: 1, precision: 'bf16', schedule: 'linear' } as const

say(`Supervised tuning of the base model tiny on ${chatCount} chats: ${chats}`)
const tuned = await sft(
  { model: 'tiny', data: chats, out: joinPath(out, 'sft'), ...shared, batchSize: 32, learningRate: 1e-3 },
  follow('sft', Math.ceil(chatCount / 32)),
)
say(`  loss ${tuned.loss?.toFixed(3)} after ${tuned.steps} updates, ${tuned.tokensPerSecond.toFixed(0)} tokens/s`)

say(`DPO of the result on ${pairCount} pairs: ${pairs}`)
const preferred = await dpo(
  { model: tuned.out, data: pairs, out: joinPath(out, 'dpo'), ...shared, batchSize: 16, learningRate: 3e-5 },
  follow('dpo', Math.ceil(pairCount / 16)),
)
say(
  `  loss ${preferred.loss?.toFixed(3)} after ${preferred.steps} updates, ${preferred.tokensPerSecond.toFixed(0)} tokens/s`,
)

say('Evaluating on held-out words and wordings')
const models: Record<string, string> = { base: 'tiny', sft: tuned.out, dpo: preferred.out }
const results: Record<string, EvaluateResult> = {}
for (const [name, path] of Object.entries(models)) {
  await using opened = await openModel(path, { precision: 'bf16' })
  results[name] = await evaluate(opened, ['tiny', 'tiny-style'], {
    seed,
    onProgress: ({ task, done, total }) => status(`${name}: ${task} ${done}/${total}`),
  })
}

// One question of each family, answered by all three.
const samples = (name: string) => results[name].samples.filter(({ task }) => task === 'tiny')
const count = samples('base').length
const rows: SampleRow[] = Array.from({ length: Math.min(8, count) }, (_, i) => {
  const at = Math.floor((i * count) / Math.min(8, count))
  const pick = (name: string) => samples(name)[at]
  const names = Object.keys(results)
  return {
    prompt: pick('base').prompt,
    answers: Object.fromEntries(names.map((name) => [name, pick(name).answer])),
    verdicts: Object.fromEntries(names.map((name) => [name, pick(name).score === 1])),
  }
})

say()
say(evalText(results))
say()
for (const { prompt, answers, verdicts } of rows) {
  say(`▸ ${prompt}`)
  for (const [name, answer] of Object.entries(answers)) {
    const line = answer.replace(/\s+/g, ' ').slice(0, 90)
    say(`    ${name.padEnd(5)}${verdicts?.[name] ? '✓' : '✗'} ${line}`)
  }
}
const report = await writeReport(out, [tuned.out, preferred.out], {
  title: `hone demo, seed ${seed}`,
  tables: results,
  samples: rows,
  notes: [
    'Accuracy: answers that an exact verifier accepts. Preference: accepted answers in the style the pairs choose.',
  ],
})
say()
say(`Report: ${report}`)
say(`Models: ${tuned.out} and ${preferred.out}; try: node bin/hone.js sample --model ${preferred.out} --chat`)
say(`${(platform().elapsed() - began).toFixed(0)} s in all`)
