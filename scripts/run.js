// The door of the npm scripts: installs what is missing, then runs a task on a Node that can run TypeScript.
// Plain JavaScript without dependencies, because it runs before anything is installed.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findNode, floor } from '../bin/node.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const ts = ['--disable-warning=ExperimentalWarning', '--conditions=source']
const vitest = ['node_modules/vitest/vitest.mjs', 'run']
const tasks = {
  demo: [[...ts, 'examples/demo.ts']],
  test: [vitest],
  fuzz: [[...vitest, 'fuzz', '--testTimeout=86400000']],
  check: [
    ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings'],
    ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'],
  ],
  build: [['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']],
  bench: [[...ts, 'bench/run.ts']],
  proofs: [[...ts, 'scripts/proofs.ts']],
  docs: [[...ts, 'scripts/docs.ts']],
  'make:tiny': [[...ts, 'scripts/make-tiny.ts']],
}

function installMissing() {
  const wanted = readFileSync(join(root, 'package-lock.json'), 'utf8')
  const stamp = join(root, 'node_modules', '.package-lock.json')
  const packages = Object.keys(JSON.parse(wanted).packages).filter((name) => name.startsWith('node_modules/'))
  const optional = JSON.parse(wanted).packages
  if (existsSync(stamp) && packages.every((name) => optional[name].optional || existsSync(join(root, name)))) return
  console.error('Installing npm packages (once) …')
  const npm = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  })
  if (npm.status !== 0) {
    console.error('npm ci failed: see its message above; a network that reaches the npm registry is needed once.')
    process.exit(1)
  }
}

const [task, ...rest] = process.argv.slice(2)
const commands = tasks[task]
if (!commands) {
  console.error(`unknown task '${task}': expected one of ${Object.keys(tasks).join(', ')}`)
  process.exit(2)
}
installMissing()
if (task === 'fuzz') process.env.HONE_FUZZ ??= '1000000'
const node = findNode(root)
if (!node) {
  console.error(
    `hone needs Node ${floor} or newer; this is ${process.version}, and no packaged Node fits this platform.`,
  )
  process.exit(2)
}
for (const command of commands) {
  const last = command === commands.at(-1)
  const { status, signal } = spawnSync(node, [...command, ...(last ? rest : [])], { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? (signal === 'SIGINT' ? 130 : 1))
}
