import { contest, type Outcome } from './contest.ts'
import { fitPowerLaw, type PowerLaw } from './fit.ts'
import { hone } from './peers.ts'
import { flopsPerToken, type Shape, shapes } from './shapes.ts'

/** Time of a training step against one size of the model or of the batch, all others staying. */
export interface Sweep {
  of: string
  points: { size: number; seconds: number; flops: number }[]
  /** Of the time, as a power of the size. */
  time: PowerLaw
  /** Of the operations of a step, counted: what time would follow on a machine without overheads. */
  operations: PowerLaw
}

/** Two threads against one. */
export interface SpeedUp {
  what: string
  precision: string
  ratio: number
}

export interface Scaling {
  sweeps: Sweep[]
  threads: SpeedUp[]
}

type Point = Shape & { size: number }

const middle: Shape = {
  width: 256,
  layers: 4,
  heads: 4,
  keyHeads: 2,
  mlp: 688,
  vocab: 4096,
  length: 256,
  rows: 4,
}

const sweeps: Readonly<Record<string, Point[]>> = {
  layers: [2, 4, 8, 16].map((size) => ({ ...middle, layers: size, size })),
  // Heads stay 64 wide, and the MLP keeps its share.
  width: [128, 256, 512, 1024].map((size) => ({
    ...middle,
    width: size,
    heads: size / 64,
    keyHeads: size / 128,
    mlp: (43 * size) / 16,
    size,
  })),
  'tokens in rows of 256': [1, 2, 4, 8, 16].map((rows) => ({ ...middle, rows, size: 256 * rows })),
  vocabulary: [2048, 4096, 8192, 16384, 32768].map((size) => ({ ...middle, vocab: size, size })),
}

const tokensOf = ({ rows, length }: Shape) => rows * length
const flopsOf = (shape: Shape) => flopsPerToken(shape) * tokensOf(shape)

/** Rounds at most: points of a sweep steady each other, and the whole stays within three minutes. */
const mostRounds = 3

/** Measures hone alone: four sweeps in f32, and the threads on shape (b). */
export async function measureScaling(asked: number, say: (line: string) => void): Promise<Scaling> {
  const rounds = Math.min(asked, mostRounds)
  const found: Scaling = { sweeps: [], threads: [] }
  for (const [of, points] of Object.entries(sweeps)) {
    say(`scaling, ${of} …`)
    const outcomes = await contest(
      points.map((point) => hone(`${of} ${point.size}`, stepsOf(point))),
      rounds,
    )
    const sweep = sweepOf(of, points, outcomes)
    found.sweeps.push(sweep)
    say(`  time ~ size^${sweep.time.exponent.toFixed(2)}, r² ${sweep.time.r2.toFixed(3)}`)
  }
  for (const [what, precision, args] of threaded) {
    const one = hone('1 thread', [...args, '--precision', precision, '--threads', '1'])
    const two = hone('2 threads', [...args, '--precision', precision, '--threads', '2'])
    const [slow, fast] = await contest([one, two], rounds)
    const ratio = fast.rate / slow.rate
    found.threads.push({ what, precision, ratio })
    say(`  ${what}, ${precision}: 2 threads ${ratio.toFixed(2)} × as fast as 1`)
  }
  return found
}

/** Half the rows of a training step: one thread takes its time. */
const halfB = ['train', '--shape', JSON.stringify({ ...shapes['b'], rows: 2 })]

const threaded: readonly [what: string, precision: string, args: string[]][] = [
  ['train', 'f32', halfB],
  ['train', 'bf16', halfB],
  ['decode 1', 'f32', ['decode', '--batch', '1']],
  ['decode 1', 'bf16', ['decode', '--batch', '1']],
  ['decode 16', 'f32', ['decode', '--batch', '16']],
  ['decode 16', 'bf16', ['decode', '--batch', '16']],
]

/** As many steps a measurement as take some tenths of a second. */
function stepsOf({ size: _, ...shape }: Point): string[] {
  const steps = Math.max(1, Math.round(5e10 / flopsOf(shape)))
  return ['train', '--shape', JSON.stringify(shape), '--steps', String(steps)]
}

/** The sweep that outcomes in tokens a second make, one a point. */
export function sweepOf(of: string, points: readonly Point[], outcomes: readonly Outcome[]): Sweep {
  const measured = points.map((point, i) => ({
    size: point.size,
    seconds: tokensOf(point) / outcomes[i].rate,
    flops: flopsOf(point),
  }))
  return {
    of,
    points: measured,
    time: fitPowerLaw(measured.map(({ size, seconds }) => [size, seconds])),
    operations: fitPowerLaw(measured.map(({ size, flops }) => [size, flops])),
  }
}
