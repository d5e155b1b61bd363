import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

/** Share of the machine that other processes may take while something is measured. */
export const quiet = 0.04
/** Share from which on the machine is visibly busy, and no benchmark begins. */
const busy = 0.25

export function describeMachine(): { cpu: string; cores: number; memory: string } {
  return { cpu: cpus()[0].model.trim(), cores: cpus().length, memory: `${Math.round(totalmem() / 2 ** 30)} GB` }
}

/** Hundredths of seconds that all processors were busy, and that passed on them; stolen time counts as busy. */
export function machineTimes(): { busy: number; all: number } {
  const [user, nice, system, idle, wait, hard, soft, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number)
  const busy = user + nice + system + hard + soft + steal
  return { busy, all: busy + idle + wait }
}

/** Hundredths of seconds that a process and its ended children have computed. */
export function processTime(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return fields.slice(11, 15).reduce((sum, value) => sum + Number(value), 0)
}

/**
 * Waits until other processes leave the machine alone for a second.
 *
 * @throws Error after `patience` seconds in which they never did.
 */
export async function waitForQuiet(patience = 60): Promise<void> {
  let share = 1
  for (let second = 0; second < patience; second++) {
    const before = machineTimes()
    await sleep(1000)
    const after = machineTimes()
    share = (after.busy - before.busy) / Math.max(1, after.all - before.all)
    if (share < busy) return
  }
  throw new Error(
    `other processes take ${(100 * share).toFixed(0)} % of the machine, expected under ${100 * busy} %: its figures would be theirs. Stop them, or measure --anyway.`,
  )
}
