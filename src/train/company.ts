/** Rows that an objective reads in the company of others: with an answer to another prompt, or with a partner. */
import { HoneError, random } from '../base/index.ts'
import { joinRows, type RowInput, withAnswersOf } from '../batch/index.ts'
import type { Order, Survey } from '../data/index.ts'
import type { Need } from '../objectives/index.ts'

/** Rows by number, and the numbers of an epoch. */
export interface RowReader {
  read(indices: readonly number[]): Promise<RowInput[]>
  order: Survey['order']
}

/** @throws HoneError E_EMPTY where there is nobody to keep a row company */
export async function inCompany(needs: readonly Need[], alone: RowReader): Promise<RowReader> {
  if (needs.includes('mismatched')) return mismatched(alone)
  return needs.includes('partner') ? await partnered(alone) : alone
}

/** Gives each row the answers of the next one in the data's own order: a fixed company, so that caches stay good. */
function mismatched({ read, order }: RowReader): RowReader {
  const inOrder = order(0, null)
  const after = new Map<number, number>()
  for (let i = 0; i < inOrder.length; i++) after.set(inOrder.at(i), inOrder.at((i + 1) % inOrder.length))
  if (inOrder.length < 2) {
    throw new HoneError('E_EMPTY', 'this objective compares each prompt with the answer to another one: there is 1 row')
  }
  return {
    order,
    async read(indices) {
      const own = await read(indices)
      const others = await read(indices.map((index) => after.get(index) ?? index))
      return own.map((row, i) => withAnswersOf(row, others[i]))
    },
  }
}

/** Pairs the rows of label true with those of label false, anew in each epoch; a pair is read as one row. */
async function partnered({ read, order }: RowReader): Promise<RowReader> {
  const inOrder = order(0, null)
  const all = Array.from({ length: inOrder.length }, (_, i) => inOrder.at(i))
  const [good, other]: number[][] = [[], []]
  for (let first = 0; first < all.length; first += 256) {
    const some = all.slice(first, first + 256)
    for (const [i, row] of (await read(some)).entries()) (row.values?.['label']?.[0] === 1 ? good : other).push(some[i])
  }
  if (good.length === 0 || Math.abs(good.length - other.length) > 1) {
    const counts = `${good.length} rows of label true and ${other.length} of label false`
    throw new HoneError('E_EMPTY', `there are ${counts}, expected halves to be paired with each other`, {
      help: 'Sort the rows by their confidence, and label the upper half true and the lower half false.',
    })
  }
  const length = Math.min(good.length, other.length)
  const span = 1 + all.reduce((most, index) => Math.max(most, index), 0)
  return {
    order(epoch, seed): Order {
      const shuffle = (lane: number, list: number[]) =>
        seed === null
          ? list
          : Array.from(random(seed, 'partners').permutation(list.length, epoch, lane), (i) => list[i])
      const [first, second] = [shuffle(0, good), shuffle(1, other)]
      return { length, at: (i) => first[i] * span + second[i] }
    },
    async read(pairs) {
      const first = await read(pairs.map((pair) => Math.floor(pair / span)))
      const second = await read(pairs.map((pair) => pair % span))
      return first.map((row, i) => joinRows(row, second[i]))
    },
  }
}
