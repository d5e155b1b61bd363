import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const rooms = readdirSync(new URL('../src', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)

test('every room below the command line is a door of the package, and no door leads nowhere', () => {
  const doors = Object.keys(manifest.exports).filter((door) => door !== '.')
  expect(doors.sort()).toEqual(
    rooms
      .filter((room) => room !== 'cli')
      .map((room) => `./${room}`)
      .sort(),
  )
})

test.each(Object.keys(manifest.exports))('%s exports these names', async (door) => {
  const names = Object.keys(await import(door === '.' ? 'hone-lm' : `hone-lm/${door.slice(2)}`)).sort()
  expect(names).toMatchSnapshot()
})
