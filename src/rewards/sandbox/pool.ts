import { throwIfAborted } from '../../base/index.ts'

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
  #waiting: (() => void)[] = []

  constructor(size: number, open: () => Promise<S>) {
    this.#size = size
    this.#open = open
  }

  async use<T>(work: (slot: S) => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#turn(signal)
    try {
      throwIfAborted(signal)
      let slot = this.#free.pop()
      while (slot && !slot.isUsable) {
        await this.#discard(slot)
        slot = this.#free.pop()
      }
      if (!slot) {
        slot = await this.#open()
        this.#all.add(slot)
      }
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
    this.#free = []
    await Promise.all([...this.#all].map((slot) => this.#discard(slot)))
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
