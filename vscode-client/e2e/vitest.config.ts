import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["e2e/journeys/*.journey.ts"],
    // Each file has a VS Code of its own; two at once would only wait for each other.
    fileParallelism: false,
    // The first one of a file waits for the model to be loaded; a busy machine takes its time for that.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ["verbose"],
  },
});
