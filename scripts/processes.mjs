// Who lives and dies with whom: a server must neither be left an orphan nor outlive a killed launcher. Linux answers exactly (/proc), elsewhere only ppid is known.
import { readdirSync, readFileSync } from 'node:fs';

function stat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = text.lastIndexOf(')');
    const fields = text.slice(end + 2).split(' ');
    return { name: text.slice(text.indexOf('(') + 1, end), state: fields[0], parent: Number(fields[1]) };
  } catch {
    return null;
  }
}

export const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
    return stat(pid)?.state !== 'Z';
  } catch {
    return false;
  }
};

/** Calls back once when the parent dies, or, behind a shell that npm put in between, the shell's parent. */
export function whenParentDies(callback) {
  const parent = process.ppid;
  const behind = /^(sh|dash|bash)$/.test(stat(parent)?.name ?? '') ? stat(parent).parent : null;
  const timer = setInterval(() => {
    if (process.ppid === parent && (behind === null || stat(parent)?.parent === behind)) return;
    clearInterval(timer);
    callback();
  }, 300);
  timer.unref();
}

/** Pids of this process's direct children with that name. */
export function childrenNamed(name) {
  try {
    return readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .map(Number)
      .filter((pid) => {
        const found = stat(pid);
        return found?.parent === process.pid && found.name === name;
      });
  } catch {
    return [];
  }
}
