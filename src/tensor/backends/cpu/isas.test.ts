import { expect, test } from 'vitest'
import { isas, targets, worthCompiling } from './isas.ts'

const x64 = targets['x64'] as Required<(typeof targets)[string]>

test('sets that the processor cannot run are not compiled, nor plain AVX-512 beside that with bf16 products', () => {
  const of = (isa: (typeof isas)[number]) => worthCompiling('x64', new Set(x64[isa].macros))
  expect(of('amx')).toEqual(['amx', 'avx512bf16', 'avx2', 'portable'])
  expect(of('avx512bf16')).toEqual(['avx512bf16', 'avx2', 'portable'])
  expect(of('avx512')).toEqual(['avx512', 'avx2', 'portable'])
  expect(of('avx2')).toEqual(['avx2', 'portable'])
  expect(of('portable')).toEqual(['portable'])
})

test('a compiler that does not say what the processor has compiles all of its architecture but tiles', () => {
  expect(worthCompiling('x64', null)).toEqual(isas.filter((isa) => isa !== 'amx'))
  expect(worthCompiling('arm64', null)).toEqual(['portable'])
  expect(worthCompiling('riscv64', null)).toEqual(['portable'])
})
