import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { median } from 'hone-lm/tensor'
import { machineTimes, processTime, quiet } from './machine.ts'

/** A program that answers every line on its stdin with one measurement, a JSON object with `rate` (more is better). */
export interface Contestant {
  name: string
  command: string[]
  env?: Record<string, string>
  /** Makes what the program reads, before it starts. */
  prepare?: () => void
}

export interface Outcome {
  name: string
  /** Median over the rounds that other processes did not disturb. */
  rate: number
  low: number
  high: number
  rounds: number
  disturbed: number
  /** What else the last measurement said, such as `rss`. */
  more: Record<string, number>
}

interface Running {
  contestant: Contestant
  child: ChildProcess
  next: () => Promise<Record<string, number>>
}

/**
 * Measures contestants in turn, A B A B, in one run on one machine: each is warm and waits while another one works.
 * A round in which other processes took more than a few percent of the machine is done again, at most once each.
 */
export async function contest(contestants: readonly Contestant[], rounds: number): Promise<Outcome[]> {
  const running: Running[] = []
  try {
    for (const contestant of contestants) running.push(await start(contestant))
    const clean = contestants.map((): Record<string, number>[] => [])
    const dirty = contestants.map((): Record<string, number>[] => [])
    for (let round = 0; round < 2 * rounds; round++) {
      for (const [i, { child, next }] of running.entries()) {
        if (clean[i].length >= rounds) continue
        const before = machineTimes()
        const ownBefore = processTime(child.pid as number)
        child.stdin?.write('go\n')
        const measured = await next()
        const others =
          (machineTimes().busy - before.busy - (processTime(child.pid as number) - ownBefore)) /
          Math.max(1, machineTimes().all - before.all)
        ;(others > quiet ? dirty : clean)[i].push(measured)
      }
    }
    return contestants.map(({ name }, i) => {
      // Too few quiet rounds: all are taken, and the count says so.
      const taken = clean[i].length >= 3 ? clean[i] : [...clean[i], ...dirty[i]]
      const rates = taken.map(({ rate }) => rate)
      const { rate: _, ...more } = taken[taken.length - 1]
      return {
        name,
        rate: median(rates),
        low: Math.min(...rates),
        high: Math.max(...rates),
        rounds: taken.length,
        disturbed: dirty[i].length,
        more,
      }
    })
  } finally {
    for (const { child } of running) child.kill()
  }
}

async function start(contestant: Contestant): Promise<Running> {
  contestant.prepare?.()
  const [program, ...args] = contestant.command
  const child = spawn(program, args, { env: { ...process.env, ...contestant.env }, stdio: ['pipe', 'pipe', 'pipe'] })
  let noise = ''
  child.stderr.setEncoding('utf8').on('data', (part: string) => (noise = (noise + part).slice(-2000)))
  child.stdin.on('error', () => {})
  const waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = []
  const ended = (why: string) => {
    for (const { reject } of waiting.splice(0)) reject(new Error(`${contestant.name} ${why}\n${noise}`))
  }
  child.on('error', (error) => ended(String(error)))
  child.on('close', (code) => ended(`ended with code ${code}`))
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{')) waiting.shift()?.resolve(line)
  })
  const next = () =>
    new Promise<string>((resolve, reject) => {
      if (child.exitCode !== null) reject(new Error(`${contestant.name} ended\n${noise}`))
      else waiting.push({ resolve, reject })
    }).then((line) => JSON.parse(line) as Record<string, number>)
  // The first line, {}, says that it is warm.
  await next()
  return { contestant, child, next }
}
