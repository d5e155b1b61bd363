/**
 * Thrift's compact protocol (thrift-compact-protocol.md), as far as Parquet uses it, over bytes that may lie: every length
 * is held against the bytes that are left before anything is made for it.
 */

/** Fields by number; structs are records of their own, lists arrays, binaries bytes. */
export type ThriftStruct = Map<number, ThriftValue>
export type ThriftValue = boolean | number | bigint | Uint8Array | ThriftValue[] | ThriftStruct

const MAX_DEPTH = 24

/** Throws a plain `Error` that says what is wrong; `end` is the offset behind the struct. */
export function readThrift(bytes: Uint8Array, start: number): { value: ThriftStruct; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = start

  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = view.getUint8(at++)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new Error('a number of more than ten bytes')
  }
  const zigzag = () => {
    const value = varint()
    return (value >> 1n) ^ -(value & 1n)
  }
  const length = () => {
    const value = varint()
    if (value > BigInt(bytes.length - at))
      throw new Error(`a length of ${value} where ${bytes.length - at} bytes are left`)
    return Number(value)
  }
  const element = (type: number, depth: number): ThriftValue => {
    switch (type) {
      case 1:
      case 2:
        return type === 1
      case 3:
        return view.getInt8(at++)
      case 4:
      case 5:
        return Number(zigzag())
      case 6:
        return zigzag()
      case 7:
        at += 8
        return view.getFloat64(at - 8, true)
      case 8: {
        const size = length()
        at += size
        return bytes.subarray(at - size, at)
      }
      case 9: {
        const head = view.getUint8(at++)
        // Every element takes a byte at least, so a list is no longer than what is left.
        const size = head >> 4 === 15 ? length() : head >> 4
        const kind = head & 0x0f
        const list: ThriftValue[] = []
        for (let i = 0; i < size; i++) list.push(kind <= 2 ? view.getInt8(at++) === 1 : element(kind, depth + 1))
        return list
      }
      case 12:
        return struct(depth + 1)
      default:
        throw new Error(`the unknown type ${type}`)
    }
  }
  const struct = (depth: number): ThriftStruct => {
    if (depth > MAX_DEPTH) throw new Error(`more than ${MAX_DEPTH} levels`)
    const fields: ThriftStruct = new Map()
    for (let id = 0; ; ) {
      const head = view.getUint8(at++)
      if ((head & 0x0f) === 0) return fields
      id = head >> 4 ? id + (head >> 4) : Number(zigzag())
      fields.set(id, element(head & 0x0f, depth))
    }
  }
  return { value: struct(0), end: at }
}
