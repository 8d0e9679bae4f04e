import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "./logger";
import { parseEntry, Entry } from "./entry";

export interface StoreOptions {
  folder: string;
  maxEntries?: number;
  logger?: Logger;
}

export type Listener<T> = (value: T, previous: T | undefined) => void;

const EMPTY: readonly Entry[] = [];

export class Store {
  private readonly entries = new Map<string, Entry>();
  private readonly listeners: Listener<Entry>[] = [];
  private dirty = false;

  constructor(private readonly options: StoreOptions) {}

  static async open(options: StoreOptions): Promise<Store> {
    const store = new Store(options);
    await store.load();
    return store;
  }

  get(key: string): Entry | undefined {
    return this.entries.get(key);
  }

  set(key: string, entry: Entry): void {
    const previous = this.entries.get(key);
    if (previous !== undefined && previous.version > entry.version) {
      throw new RangeError(`version ${entry.version} is older`);
    }
    this.entries.set(key, entry);
    this.dirty = true;
    for (const listener of this.listeners) {
      listener(entry, previous);
    }
    this.trim();
  }

  onChange(listener: Listener<Entry>): () => void {
    this.listeners.push(listener);
    return () => {
      const index = this.listeners.indexOf(listener);
      if (index >= 0) {
        this.listeners.splice(index, 1);
      }
    };
  }

  async load(): Promise<void> {
    const file = join(this.options.folder, "store.json");
    let text: string;
    try {
      text = await readFile(file, "utf8");
    } catch (error) {
      this.options.logger?.warn("no store yet", error);
      return;
    }
    const rows: unknown[] = JSON.parse(text);
    for (const row of rows) {
      const entry = parseEntry(row);
      this.entries.set(entry.key, entry);
    }
  }

  async save(): Promise<boolean> {
    if (!this.dirty) {
      return false;
    }
    const rows = [...this.entries.values()].sort(byVersion);
    const file = join(this.options.folder, "store.json");
    await writeFile(file, JSON.stringify(rows, null, 2));
    this.dirty = false;
    return true;
  }

  private trim(): void {
    const most = this.options.maxEntries ?? Infinity;
    const oldest = [...this.entries.values()].sort(byVersion);
    while (this.entries.size > most && oldest.length > 0) {
      const entry = oldest.shift();
      if (entry) {
        this.entries.delete(entry.key);
      }
    }
  }
}

function byVersion(a: Entry, b: Entry): number {
  return a.version - b.version || a.key.localeCompare(b.key);
}

export function search(store: readonly Entry[], words: string[]): readonly Entry[] {
  if (words.length === 0) {
    return EMPTY;
  }
  const wanted = words.map((word) => word.toLowerCase());
  return store.filter((entry) => {
    const text = entry.text.toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
}
