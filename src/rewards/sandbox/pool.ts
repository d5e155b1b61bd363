import { HoneError, throwIfAborted } from '../../base/index.ts'

/** A thing that runs one program at a time, and may have to be thrown away after one. */
export interface Slot {
  readonly isUsable: boolean
  close(): Promise<void>
}

/** Up to `size` slots, opened when wanted and kept warm; callers wait their turn in order. */
export class Pool<S extends Slot> {
  #open: () => Promise<S>
  #size: number
  #free: S[] = []
  #all = new Set<S>()
  #busy = 0
  #isClosed = false
  #waiting: (() => void)[] = []

  constructor(size: number, open: () => Promise<S>) {
    this.#size = size
    this.#open = open
  }

  async use<T>(work: (slot: S) => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#turn(signal)
    try {
      throwIfAborted(signal)
      this.#throwIfClosed()
      let slot = this.#free.pop()
      while (slot && !slot.isUsable) {
        await this.#discard(slot)
        slot = this.#free.pop()
      }
      if (!slot) {
        slot = await this.#open()
        this.#all.add(slot)
        // It may have been closed while this one was opened.
        if (this.#isClosed) await this.#discard(slot)
      }
      this.#throwIfClosed()
      try {
        return await work(slot)
      } finally {
        if (slot.isUsable) this.#free.push(slot)
        else await this.#discard(slot)
      }
    } finally {
      this.#busy--
      this.#waiting.shift()?.()
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#free = []
    await Promise.all([...this.#all].map((slot) => this.#discard(slot)))
  }

  #throwIfClosed(): void {
    if (this.#isClosed) throw new HoneError('E_SANDBOX', 'the sandbox was closed')
  }

  async #turn(signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal)
    while (this.#busy >= this.#size) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal?.removeEventListener('abort', leave)
          resolve()
        }
        const leave = () => {
          this.#waiting = this.#waiting.filter((other) => other !== wake)
          resolve()
        }
        this.#waiting.push(wake)
        signal?.addEventListener('abort', leave, { once: true })
      })
      throwIfAborted(signal)
    }
    this.#busy++
  }

  async #discard(slot: S): Promise<void> {
    this.#all.delete(slot)
    await slot.close()
  }
}
