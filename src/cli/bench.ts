import { z } from 'zod'
import { platform, random } from '../base/index.ts'
import { packTree, type RowInput } from '../batch/index.ts'
import type { OpenModel } from '../engine/index.ts'
import { sft } from '../objectives/index.ts'
import { flameSvg } from '../report/index.ts'
import { type Ceilings, type KernelShare, kernelCost, kernelShares, measureCeilings, median } from '../tensor/index.ts'
import { modelKeys, openForVerb } from './model.ts'
import type { Terminal } from './terminal.ts'
import { type Json, verb } from './verb.ts'

const options = z.strictObject({
  ...modelKeys,
  model: modelKeys.model.default('tiny'),
  rows: z.int().positive().default(8).describe('rows of an update'),
  length: z.int().positive().default(256).describe('tokens of a row'),
  rank: z.int().nonnegative().default(0).describe('tune a LoRA of this rank instead of all weights'),
  rounds: z.int().positive().default(5).describe('measurements, of which the median counts'),
  profile: z.boolean().default(false).describe('show where an update spends its time, kernel by kernel'),
  flame: z.string().optional().describe('write one update as an SVG flame chart into this file'),
})
type Keys = z.output<typeof options>

export default verb({
  summary: 'measure how fast this machine trains and samples a model',
  options,
  main: ['model', 'rows', 'length', 'rank', 'profile', 'flame', 'rounds', 'seed'],
  placeholders: { model: 'MODEL', flame: 'FILE.svg' },
  example: ['hone bench --model tiny --precision bf16 --profile'],
  async run(keys, terminal) {
    const { rank } = keys
    const lora = { rank, alpha: 2 * rank, dropout: 0, targets: 'all-linear', rsLora: false } as const
    await using open = await openForVerb(keys, terminal, rank > 0 ? { train: 'adapter', lora } : { train: 'full' })
    const { backend, config } = open.model
    terminal.status('measuring what the machine can do …')
    const ceilings = await measureCeilings(backend)
    const length = Math.min(keys.length, config.contextLength)
    const update = trainer(open, keys, length)
    terminal.status('training …')
    for (let i = 0; i < 2; i++) await update()
    const seconds: number[] = []
    for (let i = 0; i < keys.rounds; i++) seconds.push(await timed(update))
    const profile = backend.profile()
    await update()
    const times = await profile.stop()
    terminal.status('sampling …')
    const sampled = await sampleRate(open, length, keys.rounds)
    terminal.status('')

    const pairs = (keys.rows * length * (length + 1)) / 2
    const flops = times.reduce((sum, { kernel, args }) => sum + (kernelCost(kernel, args, pairs).flops ?? 0), 0)
    const rate = (keys.rows * (length - 1)) / median(seconds)
    const gflops = flops / median(seconds) / 1e9
    const share = (gflops * 1e9) / ceilings[keys.precision]
    terminal.print(
      `training   ${rate.toFixed(0)} tokens/s, ${gflops.toFixed(0)} GFLOP/s, ${percent(share)} of the peak`,
    )
    terminal.print(`sampling   ${sampled.toFixed(0)} tokens/s, one prompt at a time`)
    terminal.print(
      `the peak   ${inGiga(ceilings.f32)} GFLOP/s in f32, ${inGiga(ceilings.bf16)} in bf16; ${inGiga(ceilings.read)} GB/s read`,
    )
    const shares = kernelShares(times, ceilings, pairs)
    if (keys.profile) printShares(shares, terminal)
    if (keys.flame !== undefined) {
      await platform().writeAtomic(
        keys.flame,
        flameSvg(times, `${keys.model}, ${keys.precision}, ${keys.rows} rows of ${length} tokens`),
      )
      terminal.note(`One update is drawn in ${keys.flame}`)
    }
    const document: Json = {
      peak: inGigas(ceilings),
      train: { tokens_per_second: rate, gflops, share_of_peak: share, seconds },
      decode: { tokens_per_second: sampled },
      kernels: keys.profile ? shares : undefined,
    }
    return { document }
  },
})

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const began = platform().elapsed()
  await work()
  return platform().elapsed() - began
}

/** Full updates on random tokens, with a learning rate of 0. */
function trainer({ engine, model }: OpenModel, { rows, seed }: Keys, length: number): () => Promise<void> {
  const draw = random(seed, 'bench')
  const row = (id: number): RowInput => ({
    id,
    segments: [
      {
        tokens: Array.from({ length }, (_, i) => draw.below(model.config.vocabSize, id, i)),
        loss: new Uint8Array(length).fill(1),
      },
    ],
  })
  const tree = packTree(Array.from({ length: rows }, (_, id) => row(id)))
  return async () => {
    await engine.forwardBackward([tree], { objective: sft, params: {} })
    await engine.optimStep({ learningRate: 0 })
  }
}

/** New tokens a second behind one prompt of 16 tokens, whose pass counts as that of the first. */
async function sampleRate({ engine }: OpenModel, length: number, rounds: number): Promise<number> {
  const prompt = { tokens: new Array(Math.min(16, length - 1)).fill(1) }
  const most = Math.max(1, Math.min(128, length - prompt.tokens.length))
  const draw = async (maxTokens: number) => {
    for await (const _ of engine.sample([prompt], { maxTokens, ignoreEos: true, temperature: 0 }));
  }
  await draw(most)
  const rates: number[] = []
  for (let i = 0; i < rounds; i++) {
    rates.push(most / (await timed(() => draw(most))))
  }
  return median(rates)
}

const percent = (share: number) => `${(100 * share).toFixed(0)} %`
const inGiga = (value: number) => (value / 1e9).toFixed(0)
const inGigas = ({ f32, bf16, read }: Ceilings) => ({ f32: f32 / 1e9, bf16: bf16 / 1e9, read: read / 1e9 })

function printShares(shares: readonly KernelShare[], terminal: Terminal): void {
  terminal.print('')
  // More than 100 % of the roofline: the caches held what it counts as read from memory.
  terminal.print('kernel             calls       ms   share  GFLOP/s    GB/s  roofline')
  for (const { kernel, calls, seconds, share, gflops, gigabytes, roofline } of shares) {
    const columns = [
      kernel.padEnd(18),
      String(calls).padStart(5),
      (seconds * 1000).toFixed(2).padStart(8),
      percent(share).padStart(7),
      (gflops === null ? '' : gflops.toFixed(0)).padStart(8),
      gigabytes.toFixed(1).padStart(7),
      percent(roofline).padStart(9),
    ]
    terminal.print(columns.join(' '))
  }
}
