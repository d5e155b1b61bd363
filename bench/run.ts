/**
 * The comparison with what users would otherwise pick: hone and its peers in turn, in one run on one machine.
 *
 *     npm run bench                             everything; writes bench/results/ and the table in bench/README.md
 *     npm run bench -- --only train,decode      some of train, lora, sft, dpo, sharing, decode, prefill, scaling, start
 *     npm run -s bench -- --only train --json   prints a JSON document and writes nothing
 *     npm run bench -- --alone                  hone without its peers; writes nothing
 *     npm run bench -- --precision f32          contestants of these precisions alone
 *     npm run bench -- --table                  the tables anew from the results of all machines
 *     npm run bench -- --peers                  installs PyTorch and llama.cpp first
 *     npm run bench -- --anyway                 on a busy machine too
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { median } from 'hone-lm/tensor'
import { precisionOf } from './ceiling.ts'
import { contest } from './contest.ts'
import { type Plan, parts } from './contests.ts'
import { describeMachine, waitForQuiet } from './machine.ts'
import { highestPeak, measurePeak } from './peak.ts'
import { installPeers, peerVersions } from './peers.ts'
import { allResults, type BenchDocument, keepResults } from './results.ts'
import { measureScaling } from './scaling.ts'
import { summary } from './summary.ts'
import { number, writeTable } from './table.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: [...Object.keys(parts), 'scaling', 'start'].join() },
    rounds: { type: 'string', default: '5' },
    precision: { type: 'string', default: 'f32,bf16,q8_0' },
    json: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
    table: { type: 'boolean', default: false },
    alone: { type: 'boolean', default: false },
    anyway: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const wanted = values.only.split(',')
const precisions = values.precision.split(',')
const unknown = wanted.find((part) => !(part in parts) && part !== 'scaling' && part !== 'start')
if (unknown !== undefined) {
  throw new Error(`--only names ${unknown}, expected some of ${Object.keys(parts).join()},scaling,start`)
}
const say = (line: string) => console.error(line)

if (values.table) writeTable(allResults())
else {
  if (values.peers) installPeers()
  if (!values.anyway) await waitForQuiet()
  await measure()
}

async function measure(): Promise<void> {
  const document: BenchDocument = {
    machine: describeMachine(),
    date: new Date().toISOString().slice(0, 10),
    rounds,
    versions: { node: process.version, ...(values.alone ? {} : peerVersions()) },
    peak: await measurePeak(),
    contests: [],
  }
  const { f32, bf16, read } = document.peak
  say(`peak: f32 ${number(f32)} GFLOP/s, bf16 ${number(bf16)}, read ${number(read)} GB/s`)
  // Each part is kept as soon as it is found: the whole takes an hour.
  const keep = () => (values.json || values.alone ? document : keepResults(document))

  for (const plan of plans()) {
    document.contests.push(await hold(plan, document.date))
    keep()
  }
  if (wanted.includes('scaling')) {
    document.scaling = await measureScaling(rounds, say)
    keep()
  }
  if (wanted.includes('start')) {
    document.startSeconds = firstStep()
    say(`start to the first step on tiny: ${document.startSeconds.toFixed(2)} s`)
  }
  document.peak = highestPeak(document.peak, await measurePeak())
  if (values.json) console.log(JSON.stringify({ ...summary(document), ...document }, null, 2))
  else if (!values.alone) {
    keep()
    writeTable(allResults())
  }
}

/** What is wanted, each contest once: LoRA's are a part of their own and a part of training. */
function plans(): Plan[] {
  const all = wanted.flatMap((part) => parts[part]?.() ?? [])
  const chosen = new Map(all.map((plan) => [`${plan.what} ${plan.shape}`, plan]))
  return [...chosen.values()].map((plan) => ({
    ...plan,
    contestants: plan.contestants.filter(
      ({ name }) => (!values.alone || name.startsWith('hone')) && precisions.includes(precisionOf(name)),
    ),
  }))
}

async function hold({ contestants, ...what }: Plan, date: string) {
  say(`${what.what}, ${what.shape}: ${contestants.map(({ name }) => name).join(', ')} …`)
  const outcomes = await contest(contestants, rounds)
  for (const { name, rate, low, high, disturbed } of outcomes) {
    const range = `${number(low)} to ${number(high)}${disturbed ? `, ${disturbed} disturbed` : ''}`
    say(`  ${name.padEnd(26)} ${number(rate)} ${what.unit} (${range})`)
  }
  return { ...what, date, outcomes }
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
