/** The key of a remote model server: in the editor's secret storage, and nowhere else. */

import type * as vscode from "vscode";

const NAME = "copydecode.remoteKey";

export class RemoteKey {
  constructor(private readonly secrets: vscode.SecretStorage) {}

  /** Returns the key; undefined where none is kept. */
  async get(): Promise<string | undefined> {
    return this.secrets.get(NAME);
  }

  async set(key: string): Promise<void> {
    await this.secrets.store(NAME, key);
  }

  async clear(): Promise<void> {
    await this.secrets.delete(NAME);
  }
}
