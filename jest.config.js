/** Jest 30 as native ES modules: whoever starts it passes --experimental-vm-modules (see scripts/test.ts). */
export default {
  testEnvironment: "node",
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  transform: { "\\.ts$": "<rootDir>/test/support/stripTypes.js" },
  globalSetup: "<rootDir>/test/support/globalSetup.ts",
  globalTeardown: "<rootDir>/test/support/globalTeardown.ts",
  // One more than the two cores that CI has: a tenth of the files only wait, for a probe, a timeout or a killed process.
  maxWorkers: 3,
  // Every file that starts a gateway leaves some 100 MB of its modules in the worker, and collecting becomes slow.
  workerIdleMemoryLimit: "600MB",
  testTimeout: 20_000,
  cacheDirectory: "<rootDir>/node_modules/.cache/jest",
};
