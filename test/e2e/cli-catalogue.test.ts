import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { useFixture } from './cli-fixture.ts'

const { at, document, run } = useFixture()

const model = ['--model', 'model']

describe.concurrent('systems, objectives, data, the machine', () => {
  test('papers: all systems as one array, or those that match; prove and run know what is built', async () => {
    const all = await document(['papers'])
    expect(all).toHaveLength(103)
    expect(all[49]).toMatchObject({ n: 50, id: 'rdpo', arxiv: '2403.00409', kind: 'objective' })
    expect(Object.keys(all[0])).toEqual(expect.arrayContaining(['title', 'state', 'figures', 'seconds', 'date']))
    expect((await document(['papers', 'flipped', 'preferences']))[0].id).toBe('rdpo')
    const [unbuilt, unnamed] = await Promise.all([run(['prove', 'lumina-mgpt']), run(['prove'])])
    expect([unbuilt.code, unnamed.code]).toEqual([2, 2])
    expect(unbuilt.stderr).toContain("there is no recipe 'lumina-mgpt'")
  })

  test("run: a system on a model and data of one's own; other data is refused with what it reads", async () => {
    const line = ['run', 'rdpo', ...model, '--out', 'robust', 'steps=2', 'epsilon=0.2']
    const { out } = await document([...line, '--data', 'pairs.jsonl'])
    expect(out).toBe('robust')
    expect(existsSync(`${at.folder}/robust/model.safetensors`)).toBe(true)
    const [again, wrong] = await Promise.all([
      run([...line, '--data', 'pairs.jsonl']),
      run(['run', 'rdpo', ...model, '--out', 'other', '--data', 'chats.jsonl']),
    ])
    expect([again.code, wrong.code]).toEqual([2, 2])
    expect(again.stderr).toContain('already holds a run')
    expect(wrong.stderr).toContain('chosen')
    expect(existsSync(`${at.folder}/other`)).toBe(false)
  })

  test('objectives are listed; graded answers become pairs that dpo reads', async () => {
    const { objectives } = await document(['objectives'])
    const [rdpo] = objectives.filter(({ id }: { id: string }) => id === 'rdpo')
    expect(rdpo).toMatchObject({ paper: 'arXiv:2403.00409, eq. 12', data: 'pairs', needs: ['reference'] })
    expect(rdpo.parameters).toContainEqual({ name: 'epsilon', default: 0.1, about: expect.stringContaining('ε') })
    at.jsonl('graded.jsonl', [{ prompt: 'red', responses: [' lamp', ' blue', ' stone'], scores: [1, 5, 2] }])
    const line = ['data', 'convert', '--data', 'graded.jsonl', '--to', 'pairs', '--out', 'made.jsonl', 'pairs=all']
    expect(await document(line)).toMatchObject({ rows: 3, read: 1, left_out: 0, bad: 0 })
    expect((await run(line)).stderr).toMatch(/made.jsonl exists/)
    const { statistics } = await document(['data', 'inspect', ...model, '--data', 'made.jsonl', '--objective', 'dpo'])
    expect(statistics.rows).toBe(3)
    const refused = await run(['train', 'dpo', ...model, '--data', 'graded.jsonl', '--out', 'none'])
    expect(refused.stderr).toMatch(/hone data convert --to pairs/)
  })

  test('data inspect: what carries loss, and a survey of all rows', async () => {
    const line = ['data', 'inspect', ...model, '--data', 'chats.jsonl', '--rows', '1']
    const [{ rows, statistics }, shown] = await Promise.all([document(line), run(line)])
    const { tokens } = rows[0].segments[0]
    const learnt = tokens.filter(({ loss }: { loss: number }) => loss > 0)
    expect(learnt.map(({ text }: { text: string }) => text).join('')).toBe('red<|im_end|>')
    expect(statistics).toMatchObject({ rows: 12, truncated: 0, dropped: 0 })
    expect(shown.stdout).toContain('⟦red<|im_end|>⟧')
  })

  test('doctor finds the kernels right, and never shows a secret', async () => {
    const { stdout } = await run(['doctor', '--json'], {
      env: { HF_TOKEN: 'hf_secret', HF_ENDPOINT: 'https://me:secret@hub.example/' },
    })
    const { checks } = JSON.parse(stdout)
    const find = (name: string) => checks.find((check: { name: string }) => check.name === name)
    expect([find('kernels').ok, find('self-test').ok, find('cache').ok]).toEqual([true, true, true])
    expect(find('python3').found).toMatch(find('python3').ok ? /^\/.+, 3\.\d+\.\d+$/ : /python3/)
    // Which of the two depends on the machine; either is said plainly.
    expect(find('sandbox, Python').found).toMatch(
      find('sandbox, Python').ok ? /^Linux namespaces/ : /no isolation|Linux|python3/,
    )
    expect(find('sandbox, JavaScript')).toMatchObject({ ok: true, found: expect.stringContaining('WebAssembly') })
    expect(find('HF_TOKEN').found).toBe('set')
    expect(find('HF_ENDPOINT').found).toBe('https://hub.example')
    expect(stdout).not.toContain('secret')
  })
})
