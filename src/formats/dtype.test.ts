import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HoneError } from '../base/index.ts'
import { elementCount, fromFloat32, tensorBytes, toFloat32 } from './index.ts'

const bits = (value: number) => new Uint32Array(new Float32Array([value]).buffer)[0]
const fromBits = (word: number) => new Float32Array(new Uint32Array([word]).buffer)
const bf16 = (word: number) => new Uint16Array(fromFloat32(fromBits(word), 'BF16').buffer)[0]

describe('bf16', () => {
  test.each([
    ['1', 0x3f800000, 0x3f80],
    ['half way to an even value: down', 0x3f808000, 0x3f80],
    ['half way to an odd value: up', 0x3f818000, 0x3f82],
    ['just above half way', 0x3f808001, 0x3f81],
    ['the largest f32 rounds to infinity', 0x7f7fffff, 0x7f80],
    ['-infinity', 0xff800000, 0xff80],
    ['-0', 0x80000000, 0x8000],
    ['a subnormal', 0x00018000, 0x0002],
    ['a NaN whose only bit would be cut', 0x7f800001, 0x7fc0],
    ['a NaN that rounding would carry over', 0xffffffff, 0xffff],
  ])('%s', (_, word, expected) => expect(bf16(word)).toBe(expected))

  test('is the nearest of its two neighbours, for any number', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const rounded = toFloat32(fromFloat32(new Float32Array([value]), 'BF16'), 'BF16')[0]
        if (!Number.isFinite(rounded)) return Math.abs(value) >= 3.3961775e38
        const below = fromBits(bits(value) & 0xffff0000)[0]
        const above = fromBits((bits(value) & 0xffff0000) + 0x10000)[0]
        return Math.abs(rounded - value) <= Math.min(Math.abs(below - value), Math.abs(above - value))
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  test('every bf16 and every f16 survives the way to f32 and back', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i)
    for (const dtype of ['BF16', 'F16'] as const) {
      const wide = toFloat32(new Uint8Array(all.buffer), dtype)
      const back = new Uint16Array(fromFloat32(wide, dtype).buffer)
      for (let i = 0; i < 65536; i++) {
        if (Number.isNaN(wide[i]))
          expect(Number.isNaN(toFloat32(new Uint8Array(back.buffer, 2 * i, 2), dtype)[0])).toBe(true)
        else if (back[i] !== i) expect.fail(`${dtype} ${i} came back as ${back[i]}`)
      }
    }
  })
})

test('f16 golden values', () => {
  const halves = new Uint16Array(fromFloat32(new Float32Array([1, -2, 65504, 65520, 6e-8, 2049, 2051]), 'F16').buffer)
  expect([...halves]).toEqual([0x3c00, 0xc000, 0x7bff, 0x7c00, 0x0001, 0x6800, 0x6802])
})

test('bytes at odd places are read all the same', () => {
  const bytes = new Uint8Array(13)
  bytes.set(new Uint8Array(new Float32Array([1.5, -2.25, 3]).buffer), 1)
  expect([...toFloat32(bytes.subarray(1), 'F32')]).toEqual([1.5, -2.25, 3])
  expect([...toFloat32(bytes.subarray(3, 5), 'BF16')]).toEqual([1.5])
})

test('refuses what it cannot convert', () => {
  expect(() => toFloat32(new Uint8Array(4), 'I32')).toThrow(HoneError)
  expect(() => toFloat32(new Uint8Array(3), 'F16')).toThrow(/3 bytes/)
  expect(() => fromFloat32(new Float32Array(1), 'U8')).toThrow(/U8/)
})

test('sizes of tensors, and those that cannot be', () => {
  expect(tensorBytes('BF16', [3, 5])).toBe(30)
  expect(tensorBytes('F32', [])).toBe(4)
  expect(tensorBytes('F4', [3, 2])).toBe(3)
  expect(elementCount([0, 7])).toBe(0)
  for (const shape of [[-1], [1.5], [2 ** 30, 2 ** 30], [Number.NaN]])
    expect(() => elementCount(shape)).toThrow(HoneError)
  expect(() => tensorBytes('F4', [3])).toThrow(/whole/)
})
