/** What a stream says, written down as it passes: null once it is too long to be kept, or no text. */
export interface WrittenText {
  add(bytes: Uint8Array): void;
  /** the whole text; to be asked at the end, once */
  end(): string | null;
  /** is there no point in writing on? */
  lost(): boolean;
}

export function writtenText(maxBytes: number): WrittenText {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let text: string | null = '';
  let bytesSoFar = 0;
  const write = (bytes?: Uint8Array) => {
    if (text === null) return;
    bytesSoFar += bytes?.length ?? 0;
    try {
      text = bytesSoFar > maxBytes ? null : text + decoder.decode(bytes, { stream: bytes !== undefined });
    } catch {
      text = null;
    }
  };
  return {
    add: write,
    end() {
      write();
      return text;
    },
    lost: () => text === null,
  };
}
