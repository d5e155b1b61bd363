/** Path arithmetic on strings, the same on every system; '\\' is read as '/'. */

const clean = (path: string) => path.replaceAll('\\', '/')

export function joinPath(...parts: string[]): string {
  const joined = parts.filter(Boolean).map(clean).join('/')
  return joined.replace(/\/{2,}/g, '/')
}

export function parentPath(path: string): string {
  const at = clean(path).lastIndexOf('/')
  return at < 0 ? '.' : at === 0 ? '/' : clean(path).slice(0, at)
}

export function baseName(path: string): string {
  return clean(path).split('/').filter(Boolean).at(-1) ?? ''
}

/** Lower-case ending without its dot, compression endings left aside: 'a.jsonl.gz' → 'jsonl'. */
export function extension(path: string): string {
  const parts = baseName(path)
    .toLowerCase()
    .replace(/\.(gz|zst)$/, '')
    .split('.')
  return parts.length > 1 ? parts[parts.length - 1] : ''
}

export function isAbsolute(path: string): boolean {
  return path.startsWith('/') || /^[A-Za-z]:[\\/]/.test(path)
}
