/** A field of a protocol buffer message: numbers as they are on the wire, nested messages and texts as bytes. */
export type Field = { number: number; value: number | Uint8Array; wire: 0 | 1 | 2 | 5 }

/**
 * Reads the fields of one message (protobuf encoding specification: varint, 64-bit, length-delimited, 32-bit).
 * Varints beyond 2⁵³ lose their low bits, which no field read here needs.
 * @throws RangeError when a field runs past the end or has a wire type that is not defined.
 */
export function* protobufFields(bytes: Uint8Array): Generator<Field> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= bytes.length) throw new RangeError(`a number runs past the end, byte ${at}`)
      const byte = bytes[at++] as number
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new RangeError(`a number is longer than ten bytes, byte ${at}`)
  }
  while (at < bytes.length) {
    const tag = varint()
    const number = Math.floor(tag / 8)
    const wire = tag % 8
    if (number === 0) throw new RangeError(`a field has number 0, byte ${at}`)
    if (wire === 0) yield { number, wire, value: varint() }
    else if (wire === 1 || wire === 2 || wire === 5) {
      const length = wire === 2 ? varint() : wire === 1 ? 8 : 4
      if (length > bytes.length - at)
        throw new RangeError(`field ${number} needs ${length} bytes, ${bytes.length - at} are left`)
      const start = at
      at += length
      if (wire === 2) yield { number, wire, value: bytes.subarray(start, at) }
      else yield { number, wire, value: wire === 5 ? view.getFloat32(start, true) : view.getFloat64(start, true) }
    } else throw new RangeError(`field ${number} has wire type ${wire}, byte ${at}`)
  }
}
