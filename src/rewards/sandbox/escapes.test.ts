import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inhabitants } from '../../../test/inhabitants.ts'
import { HoneError } from '../../base/index.ts'
import { openSandbox } from './index.ts'

/** Each program tries to get out, or to take the machine with it. None may leave a trace, and the next one runs as if it had never been. */
const sandbox = openSandbox({ slots: 1, limits: { seconds: 5, memory: 128 << 20, scratch: 4 << 20 } })
const refusal = await sandbox.isolation('python').then(
  () => null,
  (error: unknown) => error,
)
let outside = ''
let secret = ''
const marker = `mark-${process.pid}`
const server = createServer((socket) => socket.end('in'))
const abstract = createServer((socket) => socket.end('in'))
let port = 0

const run = (source: string, limits = {}) => sandbox.run({ language: 'python', source }, { limits })
/** Runs lines of Python, each of which must raise, and gives what did not. */
async function allowed(lines: string[], preamble = ''): Promise<string[]> {
  const tries = lines.map((line) => `try:\n    ${line}\n    print(${JSON.stringify(line)})\nexcept Exception: pass`)
  const { stdout, exitCode, stderr } = await run(
    `import os, sys, socket, ctypes\n${preamble}\n${tries.join('\n')}\nprint("end")`,
  )
  expect([exitCode, stderr]).toEqual([0, ''])
  expect(stdout.endsWith('end\n')).toBe(true)
  return stdout.split('\n').slice(0, -2)
}

async function expectClean(before: { pids: number[]; resident: number; shared: string[] }) {
  const { stdout } = await run('print(sum(range(10)))\nimport os; print(os.listdir("."))')
  expect(stdout).toBe('45\n[]\n')
  const now = inhabitants()
  expect(now.map(({ pid }) => pid)).toEqual(before.pids)
  expect(total(now) - before.resident).toBeLessThan(16 << 20)
  expect(shared()).toEqual(before.shared)
  const places = [outside, tmpdir(), '/tmp', homedir(), process.cwd(), '/', '/dev/shm', '/var/tmp']
  expect(places.filter((place) => existsSync(join(place, marker)))).toEqual([])
  expect(readdirSync(outside)).toEqual(['secret'])
  expect(readFileSync(secret, 'utf8')).toBe('the secret')
}
const total = (all: { resident: number }[]) => all.reduce((sum, { resident }) => sum + resident, 0)
const shared = () => readFileSync('/proc/sysvipc/shm', 'utf8').split('\n').sort()

interface Escape {
  name: string
  attempt(): Promise<void>
}

const escapes: Escape[] = [
  {
    name: 'a fork bomb',
    async attempt() {
      const bomb = 'import os\nwhile True:\n    try: os.fork()\n    except OSError: pass'
      expect((await run(bomb, { seconds: 1 })).ended).toBe('time')
      const counted = `import os, time\nn = 1\ntry:\n    while True:\n        if os.fork() == 0: time.sleep(60)\n        n += 1\nexcept OSError: print(n)`
      expect((await run(counted, { processes: 5 })).stdout).toBe('5\n')
    },
  },
  {
    name: 'threads without end',
    async attempt() {
      const source = `import threading, time\nfor _ in range(100): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()`
      expect((await run(source)).stderr).toContain("can't start new thread")
    },
  },
  {
    name: 'allocation without end',
    async attempt() {
      const { exitCode, stderr } = await run('x = []\nwhile True: x.append(bytearray(1 << 20))')
      expect([exitCode, stderr.trim().split('\n').at(-1)]).toEqual([1, 'MemoryError'])
    },
  },
  {
    name: 'memory that no process has mapped: files, memfd, System V segments',
    async attempt() {
      const fill = 'for name in range(10000): open(os.path.join(place, str(name)), "wb").write(bytes(1 << 20))'
      for (const place of ['/tmp', '/dev/shm', '.']) {
        const { stderr } = await run(`import os\nplace = ${JSON.stringify(place)}\n${fill}`)
        expect(stderr).toContain('No space left on device')
      }
      expect(
        await allowed([
          'os.memfd_create("x")',
          'assert ctypes.CDLL(None).shmget(1, 1 << 20, 0o1777) >= 0',
          'assert ctypes.CDLL(None).mmap(None, 1 << 30, 3, 0x21, -1, 0) != -1',
        ]),
      ).toEqual([])
    },
  },
  {
    name: 'an infinite loop that will not listen',
    async attempt() {
      const deaf =
        'import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n    except Exception: pass\n'
      const { ended } = await run(
        `${deaf}while True:\n    try:\n        while True: pass\n    except BaseException: pass`,
        {
          seconds: 0.5,
        },
      )
      expect(ended).toBe('time')
      expect((await run('import time; time.sleep(1000)', { seconds: 0.3 })).ended).toBe('time')
    },
  },
  {
    name: '10 GB of output',
    async attempt() {
      for (const descriptor of [1, 2]) {
        const source = `import os\nfor _ in range(10 * 1024): os.write(${descriptor}, b"x" * (1 << 20))`
        const { ended, stdout, stderr } = await run(source, { output: 100_000 })
        expect([ended, stdout.length + stderr.length]).toEqual(['output', 100_000])
      }
    },
  },
  {
    name: 'reading files outside',
    async attempt() {
      const paths = [
        secret,
        '/etc/passwd',
        '/etc/shadow',
        '/proc/1/environ',
        '/proc/self/environ',
        homedir(),
        tmpdir(),
        process.cwd(),
      ]
      const lines = paths.flatMap((path) => [
        `open(${JSON.stringify(path)}).read()`,
        // Above the interpreter's own folder its parents can be seen, and nothing beside them.
        `assert len(os.listdir(${JSON.stringify(path)})) > 1`,
      ])
      expect(await allowed(lines)).toEqual([])
      const { stdout } = await run(
        'import os; print(sorted(os.environ), os.listdir("/proc") if os.path.exists("/proc") else None)',
      )
      expect(stdout).toBe('[] None\n')
    },
  },
  {
    name: 'descriptors that were left open',
    async attempt() {
      expect(await allowed(Array.from({ length: 64 }, (_, i) => `os.fstat(${i + 3})`))).toEqual([])
    },
  },
  {
    name: 'writing outside',
    async attempt() {
      const places = [outside, homedir(), process.cwd(), '/', '/usr/lib', '/dev', '/old', '/var/tmp']
      const paths = places.map((place) => JSON.stringify(join(place, marker)))
      expect(await allowed(paths.map((path) => `open(${path}, "w").write("x")`))).toEqual([])
      expect(
        await allowed([
          `os.remove(${JSON.stringify(secret)})`,
          'os.rmdir("/dev")',
          'os.mknod("null", 0o20666, os.makedev(1, 3))',
        ]),
      ).toEqual([])
      expect((await run(`open(${JSON.stringify(`/tmp/${marker}`)}, "w").write("x")`)).exitCode).toBe(0)
    },
  },
  {
    name: 'opening a socket',
    async attempt() {
      const lines = [
        `socket.create_connection(("127.0.0.1", ${port}), 1)`,
        'socket.socket(socket.AF_INET)',
        'socket.socket(socket.AF_INET6)',
        'socket.socket(socket.AF_INET, socket.SOCK_DGRAM)',
        'socket.socket(getattr(socket, "AF_VSOCK", 40))',
        'socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)',
        `socket.socket(socket.AF_UNIX).connect("\\0${marker}")`,
        `socket.socket(socket.AF_UNIX).connect(${JSON.stringify(join(outside, 'door'))})`,
        'socket.getaddrinfo("example.com", 80)',
      ]
      expect(await allowed(lines)).toEqual([])
    },
  },
  {
    name: 'killing the parent, and all others',
    async attempt() {
      const kills = `for pid in [os.getppid(), 1, ${process.pid}, *range(3, 5000)]:\n    for number in (9, 19, 15):\n        try: os.kill(pid, number)\n        except OSError: pass`
      expect((await run(`import os\n${kills}\nprint("alive")`)).stdout).toBe('alive\n')
      expect((await run('import os, signal; os.kill(os.getpid(), signal.SIGKILL)')).signal).toBe(9)
      const trace = 'assert ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0'
      expect(await allowed([trace])).toEqual([])
    },
  },
  {
    name: 'surviving as a daemon',
    async attempt() {
      const daemon = `import os, time, signal
for turn in range(2):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            for fd in range(3): os.close(fd)
            while True:
                time.sleep(0.05)
                open("/tmp/${marker}", "w").write("alive")
        os._exit(0)
print("gone")`
      expect((await run(daemon)).stdout).toBe('gone\n')
    },
  },
  {
    name: 'a symbolic link out of the scratch folder',
    async attempt() {
      const link = (target: string) =>
        `os.path.lexists("way") and os.remove("way"); os.symlink(${JSON.stringify(target)}, "way")`
      const lines = [
        `${link(secret)}; open("way").read()`,
        `${link(secret)}; open("way", "w").write("x")`,
        `${link('/proc/1/root')}; assert os.listdir("way")`,
        `${link(outside)}; open("way/${marker}", "w").write("x")`,
        `${link(`../../../../../../..${outside}`)}; assert os.listdir("way")`,
      ]
      expect(await allowed(lines)).toEqual([])
      // Emptying the scratch folder may not follow a link.
      expect((await run(`import os; os.symlink(${JSON.stringify(outside)}, "way")`)).exitCode).toBe(0)
    },
  },
  {
    name: 'new namespaces, mounts and capabilities',
    async attempt() {
      const call = (text: string) => `assert ctypes.CDLL(None).${text} == 0`
      const lines = [
        ...[0x10000000, 0x20000, 0x40000000, 0x20000000].map((flag) => call(`unshare(${flag})`)),
        call('mount(b"none", b"/tmp", b"tmpfs", 0, None)'),
        call('umount2(b"/tmp", 2)'),
        call('sethostname(b"x", 1)'),
        'os.chroot("/tmp")',
        'os.setuid(0)',
        'os.nice(-5)',
        'ctypes.CDLL(None).syscall(56 if os.uname().machine == "x86_64" else 220, 0x10000000 | 17, 0, 0, 0, 0) >= 0 or 1 / 0',
      ]
      expect(await allowed(lines)).toEqual([])
    },
  },
  {
    name: 'raising its own limits',
    async attempt() {
      const names = ['AS', 'NPROC', 'NOFILE', 'FSIZE', 'CPU', 'CORE']
      expect(
        await allowed(
          names.map((name) => `resource.setrlimit(resource.RLIMIT_${name}, (1 << 40, 1 << 40))`),
          'import resource',
        ),
      ).toEqual([])
    },
  },
  {
    name: 'the sudden end of hone itself',
    async attempt() {
      const door = new URL('./index.ts', import.meta.url).href
      const source = 'import os\nos.fork()\nos.setsid() if os.fork() else 0\nwhile True: pass'
      const script = `import { openSandbox } from ${JSON.stringify(door)}
        const sandbox = openSandbox({ slots: 1 })
        await sandbox.run({ language: 'python', source: 'print(1)' })
        console.log('warm')
        await sandbox.run({ language: 'python', source: ${JSON.stringify(source)} })`
      const hone = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await once(hone.stdout, 'data')
      const pid = hone.pid as number
      while (inhabitants(pid).length < 6) await new Promise((done) => setTimeout(done, 20))
      const left = inhabitants(pid).map((one) => one.pid)
      hone.kill('SIGKILL')
      await once(hone, 'close')
      for (let turn = 0; turn < 100 && left.some((one) => existsSync(`/proc/${one}`)); turn++)
        await new Promise((done) => setTimeout(done, 20))
      expect(left.filter((one) => existsSync(`/proc/${one}`))).toEqual([])
    },
  },
  {
    name: 'a program stopped on request, with all its processes',
    async attempt() {
      const source = 'import os, time\nos.fork(); os.fork()\nwhile True: time.sleep(1)'
      const stopped = sandbox.run({ language: 'python', source }, { signal: AbortSignal.timeout(200) })
      await expect(stopped).rejects.toMatchObject({ code: 'E_ABORTED' })
    },
  },
]

if (refusal) {
  console.log(`sandbox: not isolated here, ${escapes.length} escape tests not run`)
  test('untrusted Python is refused where there is no isolation', async () => {
    expect(refusal).toBeInstanceOf(HoneError)
    expect(refusal).toMatchObject({ code: expect.stringMatching(/^E_(SANDBOX|NO_PYTHON)$/) })
    await expect(run('print(1)')).rejects.toMatchObject({ code: (refusal as HoneError).code })
  })
} else {
  describe('a Python program', () => {
    let before: Parameters<typeof expectClean>[0]
    beforeAll(async () => {
      outside = mkdtempSync(join(tmpdir(), 'outside-'))
      secret = join(outside, 'secret')
      writeFileSync(secret, 'the secret')
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      await new Promise<void>((resolve) => abstract.listen(`\0${marker}`, resolve))
      port = (server.address() as { port: number }).port
      process.env['HONE_TEST_SECRET'] = 'the secret'
      // What follows kills whatever it can see: first be sure that it sees nothing.
      expect((await run('import os; print(os.getpid(), os.getppid())')).stdout).toBe('2 1\n')
      const now = inhabitants()
      before = { pids: now.map(({ pid }) => pid), resident: total(now), shared: shared() }
      expect(before.pids).toHaveLength(3)
    })
    test.each(escapes)('does not get away with $name', async ({ attempt }) => {
      await attempt()
      await expectClean(before)
    })
  })
}

afterAll(async () => {
  await sandbox.close()
  server.close()
  abstract.close()
  delete process.env['HONE_TEST_SECRET']
  if (outside) rmSync(outside, { recursive: true })
})
