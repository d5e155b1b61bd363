/**
 * All that floors 0–7 may ask of the machine below them. Node implements it in `node.ts`; a browser can.
 * Paths are strings with '/' between parts; a missing file is `null` from `stat` and an `E_NOT_FOUND` elsewhere.
 */
export interface Platform {
  readonly name: string
  /** 'x64', 'arm64', … */
  readonly arch: string
  readonly cpuCount: number

  stat(path: string): Promise<FileInfo | null>
  /** Names inside a folder, sorted. */
  list(folder: string): Promise<string[]>
  open(path: string): Promise<FileReader>
  readFile(path: string): Promise<Uint8Array>
  readText(path: string): Promise<string>

  /** Temporary file beside the target, fsync, rename, fsync of the folder: the path holds all of it or what it held before. */
  writeAtomic(
    path: string,
    content: string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<void>
  /** Appends and flushes; creates the file. */
  append(path: string, content: string | Uint8Array): Promise<void>
  truncate(path: string, length: number): Promise<void>
  makeFolder(path: string): Promise<void>
  /** Renames a file or folder, replacing a file; fsyncs the folder that receives it. */
  rename(from: string, to: string): Promise<void>
  /** Makes `path` a symbolic link to `target`, which is relative to the folder of `path`; false where the system makes none. */
  link(target: string, path: string): Promise<boolean>
  /** Removes a file or a folder with all it holds; what is not there is no error. */
  remove(path: string): Promise<void>
  /** Creates the file with this content, or returns false if it exists: the primitive under locks. */
  createExclusive(path: string, content: string): Promise<boolean>

  /** Streams a file through a decoder: 'gzip', 'zstd' or 'none'. */
  stream(path: string, decode: Compression): AsyncIterable<Uint8Array>
  /** Decodes what is in memory, refusing to give more than `limit` bytes. */
  decompress(bytes: Uint8Array, decode: Compression, limit: number): Promise<Uint8Array>
  sha256(): Hash

  /** Runs a program to its end; never through a shell. */
  spawn(command: string, args: string[], options?: SpawnOptions): Promise<SpawnResult>
  env(name: string): string | undefined
  /** A folder for what can be made again, created on demand: `HONE_CACHE`, else the user's cache folder + '/hone'. */
  cacheFolder(): string
  /** Root of the installed package: holds `native/` and `models/`. */
  packageRoot(): string
  /** The working folder, for making given paths absolute. */
  workingFolder(): string
  processId(): number
  isProcessAlive(pid: number): boolean
  hostName(): string
  /** Bytes of resident memory of this process and of the machine. */
  memory(): { resident: number; total: number; available: number }
  /** Milliseconds since 1970. */
  now(): number
  /** Seconds on a clock that never steps back. */
  elapsed(): number
}

export type Compression = 'gzip' | 'zstd' | 'none'
export interface FileInfo {
  kind: 'file' | 'folder'
  size: number
  /** Milliseconds since 1970. */
  modified: number
}
export interface FileReader {
  readonly size: number
  /** Up to `length` bytes from `offset`: fewer only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>
  close(): Promise<void>
}
export interface Hash {
  update(bytes: Uint8Array | string): Hash
  /** Lower-case hexadecimal. */
  digest(): string
}
export interface SpawnOptions {
  cwd?: string
  env?: Record<string, string>
  input?: string
  timeoutMs?: number
  /** Bytes of output kept of each stream. */
  maxOutput?: number
}
export interface SpawnResult {
  code: number | null
  signal: string | null
  stdout: string
  stderr: string
}
