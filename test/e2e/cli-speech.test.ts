import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { useFixture } from './cli-fixture.ts'

const { at, document, run } = useFixture()

const model = ['--model', 'model']

describe.concurrent('how it speaks', () => {
  test('without --json the answer alone is on stdout', async () => {
    const line = ['sample', ...model, '--prompt', 'red', '--max-tokens', '3', '--temperature', '0']
    const [{ completions }, { stdout, stderr }] = await Promise.all([document(line), run([...line, '--quiet'])])
    expect([stdout, stderr]).toEqual([`${completions[0].text}\n`, ''])
  })

  test('keys come from flags, words and a file alike', async () => {
    at.write('keys.yaml', 'model: model\nprompt: red\nmaxTokens: 3\ntemperature: 0\n')
    const [flags, words, file] = await Promise.all([
      document(['sample', ...model, '--prompt', 'red', '--max-tokens', '3', '--temperature', '0']),
      document(['sample', 'model=model', 'prompt=red', 'maxTokens=3', 'temperature=0']),
      document(['sample', '--config', 'keys.yaml']),
    ])
    expect(words).toEqual(flags)
    expect(file).toEqual(flags)
  })

  test.each([
    'train sft',
    'train distill',
    'objectives',
    'papers',
    'prove',
    'run rdpo',
    'sample',
    'score',
    'eval',
    'data inspect',
    'data convert',
    'data judgments',
    'export',
    'merge-adapter',
    'runs',
    'report',
    'bench',
    'doctor',
  ])('%s --help shows its keys and an example', async (verb) => {
    const { code, stdout, stderr } = await run([...verb.split(' '), '--help'])
    expect([code, stderr]).toEqual([0, ''])
    for (const flag of ['--json', '--config', '--seed', '--quiet']) expect(stdout).toContain(flag)
    expect(stdout).toMatch(new RegExp(`Example:\\n(  .*\\n)*  hone ${verb}\\b`))
  })

  test('--help lists the verbs, and a reader that goes away is no error', async () => {
    const { code, stdout } = await run(['--help'])
    expect(code).toBe(0)
    for (const verb of ['train', 'sample', 'score', 'eval', 'data', 'export', 'runs', 'doctor'])
      expect(stdout).toContain(verb)
    const bin = fileURLToPath(new URL('../../bin/hone.js', import.meta.url))
    const shell = spawn('sh', ['-c', `"${process.execPath}" "${bin}" eval --help | head -c 1`], { cwd: at.folder })
    let stderr = ''
    shell.stderr.on('data', (part) => (stderr += part))
    await new Promise((resolve) => shell.on('close', resolve))
    expect(stderr).toBe('')
  })
})
