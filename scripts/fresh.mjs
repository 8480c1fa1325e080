/** When may a build step be skipped? When the inputs it names are those of its last run. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** A short hash of files and texts: the stamp of a build. */
export function stampOf(files, texts = []) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  for (const text of texts) hash.update(text);
  return hash.digest('hex').slice(0, 16);
}

/** True when `stampFile` holds this stamp. */
export function isFresh(stampFile, stamp) {
  try {
    return readFileSync(stampFile, 'utf8') === stamp;
  } catch {
    return false;
  }
}

/** Writes a whole file or none of it: two builds at once cannot leave half a file. */
export function writeWhole(file, content) {
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}.tmp`;
  writeFileSync(draft, content);
  renameSync(draft, file);
}
