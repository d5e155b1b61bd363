/**
 * The comparison with what users would otherwise pick: hone and its peers in turn, in one run on one machine.
 *
 *     npm run bench                             everything; writes bench/results/ and the table in bench/README.md
 *     npm run bench -- --only train,decode      some of train, lora, sft, dpo, decode, prefill, start
 *     npm run -s bench -- --only train --json   prints a JSON document and writes nothing
 *     npm run bench -- --table                  the table anew from the latest results
 *     npm run bench -- --peers                  installs PyTorch and llama.cpp first
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { measureCeilings, median, openBackend } from 'hone-lm/tensor'
import { type Contestant, contest } from './contest.ts'
import { hone, installPeers, llamaCpp, peerVersions, torch } from './peers.ts'
import { flopsPerToken, shapes } from './shapes.ts'
import { type BenchDocument, type Contest, number, writeTable } from './table.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'train,lora,sft,dpo,decode,prefill,start' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
    /** Writes the table anew from the latest results, and measures nothing. */
    table: { type: 'boolean', default: false },
    /** Without peers: hone's own figures, quickly. */
    alone: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const wanted = new Set(values.only.split(','))
const say = (line: string) => console.error(line)

const contests: Contest[] = []

async function hold(what: string, shape: string, unit: string, contestants: Contestant[]): Promise<void> {
  const chosen = values.alone ? contestants.filter(({ name }) => name.startsWith('hone')) : contestants
  say(`${what}, ${shape}: ${chosen.map(({ name }) => name).join(', ')} …`)
  const outcomes = await contest(chosen, rounds)
  contests.push({ what, shape, unit, outcomes })
  for (const { name, rate, low, high, disturbed } of outcomes) {
    say(
      `  ${name.padEnd(26)} ${number(rate)} ${unit} (${number(low)} to ${number(high)}${disturbed ? `, ${disturbed} disturbed` : ''})`,
    )
  }
}

const precisions = ['f32', 'bf16']

async function peak() {
  const backend = await openBackend({ threads: 2 })
  const ceilings = await measureCeilings(backend)
  backend.close()
  return ceilings
}

const results = new URL('results/', import.meta.url)
if (values.table) {
  const [latest] = readdirSync(results)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(new URL(name, results), 'utf8')) as BenchDocument)
    .sort((a, b) => (a.date < b.date ? 1 : -1))
  writeTable(latest)
  process.exit()
}
if (values.peers) installPeers()
const before = await peak()
say(
  `peak: f32 ${number(before.f32 / 1e9)} GFLOP/s, bf16 ${number(before.bf16 / 1e9)}, read ${number(before.read / 1e9)} GB/s`,
)

if (wanted.has('train')) {
  for (const shape of Object.keys(shapes)) {
    await hold('train', shape, 'tokens/s', [
      ...precisions.map((p) => hone(`hone ${p}`, ['train', '--shape', shape, '--precision', p])),
      ...torch('PyTorch f32', ['train', '--shape', shape]),
      ...torch('PyTorch f32 compiled', ['train', '--shape', shape, '--compile']),
      ...torch('PyTorch bf16 compiled', ['train', '--shape', shape, '--compile', '--autocast']),
    ])
  }
}
if (wanted.has('lora')) {
  await hold('lora', 'b', 'tokens/s', [
    ...precisions.map((p) => hone(`hone ${p}`, ['train', '--shape', 'b', '--precision', p, '--rank', '16'])),
    ...torch('PyTorch f32', ['train', '--shape', 'b', '--rank', '16']),
    ...torch('PyTorch f32 compiled', ['train', '--shape', 'b', '--rank', '16', '--compile']),
  ])
}
if (wanted.has('sft')) {
  await hold('sft', 'b', 'learnt tokens/s', [
    ...precisions.map((p) => hone(`hone ${p}`, ['sft', '--precision', p])),
    ...torch('PyTorch f32 padded', ['sft']),
  ])
}
if (wanted.has('dpo')) {
  await hold('dpo', 'b', 'pairs/s', [
    ...precisions.map((p) => hone(`hone ${p}`, ['dpo', '--precision', p])),
    ...torch('PyTorch f32 full logits', ['dpo', '--head', 'full']),
    ...torch('PyTorch f32 answers', ['dpo', '--head', 'answers']),
  ])
}
if (wanted.has('decode')) {
  for (const batch of [1, 16]) {
    const with_ = ['--batch', String(batch)]
    await hold(`decode ${batch}`, 'b', 'tokens/s', [
      ...precisions.map((p) => hone(`hone ${p}`, ['decode', '--precision', p, ...with_])),
      hone('hone q8_0', ['decode', '--quantize', 'q8_0', ...with_]),
      ...torch('PyTorch f32', ['decode', ...with_]),
      ...torch('PyTorch bf16', ['decode', '--dtype', 'bf16', ...with_]),
      ...['f32', 'bf16', 'q8_0'].flatMap((type) => llamaCpp(`llama.cpp ${type}`, 'decode', 'b', type, batch)),
    ])
    await hold(`decode ${batch}`, 'a', 'tokens/s', [
      hone('hone f32', ['decode', '--shape', 'a', ...with_]),
      ...torch('PyTorch f32', ['decode', '--shape', 'a', ...with_]),
      ...llamaCpp('llama.cpp f32', 'decode', 'a', 'f32', batch),
    ])
  }
}
if (wanted.has('prefill')) {
  await hold('prefill', 'b', 'tokens/s', [
    ...precisions.map((p) => hone(`hone ${p}`, ['prefill', '--precision', p])),
    ...torch('PyTorch f32', ['prefill']),
    ...torch('PyTorch bf16', ['prefill', '--dtype', 'bf16']),
    ...['f32', 'bf16'].flatMap((type) => llamaCpp(`llama.cpp ${type}`, 'prefill', 'b', type)),
  ])
}
const startSeconds = wanted.has('start') ? firstStep() : null
if (startSeconds) say(`start to the first step on tiny: ${startSeconds.toFixed(2)} s`)

const after = await peak()
const peaks = {
  f32: Math.max(before.f32, after.f32) / 1e9,
  bf16: Math.max(before.bf16, after.bf16) / 1e9,
  read: Math.max(before.read, after.read) / 1e9,
}
const document: BenchDocument = {
  machine: machine(),
  date: new Date().toISOString().slice(0, 10),
  rounds,
  versions: { node: process.version, ...(values.alone ? {} : peerVersions()) },
  peak: peaks,
  contests,
  startSeconds,
}
if (values.json) console.log(JSON.stringify({ ...summary(), ...document }, null, 2))
else if (!values.alone) {
  mkdirSync(results, { recursive: true })
  writeFileSync(
    new URL(`${document.machine.cpu.replace(/[^\w]+/g, '-').toLowerCase()}-${document.machine.cores}.json`, results),
    `${JSON.stringify(document, null, 2)}\n`,
  )
  writeTable(document)
}

/** Seconds from the start of the process to the end of the first update on `tiny`, median of five processes. */
function firstStep(): number {
  const program = new URL('start.ts', import.meta.url).pathname
  const times = Array.from({ length: 5 }, () => {
    const began = performance.now()
    const { status } = spawnSync(process.execPath, ['--conditions=source', program], { stdio: 'ignore' })
    if (status !== 0) throw new Error(`bench/start.ts ended with code ${status}`)
    return (performance.now() - began) / 1000
  })
  return median(times)
}

function machine() {
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  return {
    cpu: cpus()[0].model.trim(),
    cores: cpus().length,
    memory: `${gigabytes} GB`,
  }
}

/** The figures of hone alone in the form that other programs read. */
function summary() {
  const rate = (what: string, shape: string, name: string) =>
    contests.find((c) => c.what === what && c.shape === shape)?.outcomes.find((o) => o.name === name)?.rate
  const trained = (shape: string, precision: 'f32' | 'bf16', what = 'train') => {
    const tokens = rate(what, shape, `hone ${precision}`)
    if (tokens === undefined) return undefined
    const gflops = (tokens * flopsPerToken(shapes[shape], what === 'lora' ? 16 : 0)) / 1e9
    return { tokens_per_second: tokens, gflops, share_of_peak: gflops / peaks[precision] }
  }
  const train = Object.fromEntries(
    Object.keys(shapes).map((shape) => [
      shape,
      { f32: trained(shape, 'f32'), bf16: trained(shape, 'bf16'), lora_f32: trained(shape, 'f32', 'lora') },
    ]),
  )
  const decoded = (shape: string, precision: string) => ({
    b1: rate('decode 1', shape, `hone ${precision}`),
    b16: rate('decode 16', shape, `hone ${precision}`),
  })
  const decode = {
    a: { f32: decoded('a', 'f32') },
    b: { f32: decoded('b', 'f32'), bf16: decoded('b', 'bf16'), q8_0: decoded('b', 'q8_0') },
  }
  return { train, decode }
}
