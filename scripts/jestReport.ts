/** What Jest writes of a run, counted as `npm test` counts. */
import { readFile } from "node:fs/promises";

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

export interface FileTime {
  file: string;
  seconds: number;
}

/** The proof of access is spread over these; each of its files is shown with its time. */
const ACCESS_TESTS = /\/(test\/(?:access|schema\/access|plans)\/.+)\.test\.ts$/;

interface JestReport {
  numPassedTests: number;
  numFailedTests: number;
  numRuntimeErrorTestSuites: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { name: string; startTime: number; endTime: number }[];
}

/** The slowest first. */
function accessTimesOf({ testResults }: JestReport): FileTime[] {
  return testResults
    .flatMap(({ name, startTime, endTime }) => {
      const [, file] = ACCESS_TESTS.exec(name) ?? [];
      return file === undefined ? [] : [{ file, seconds: (endTime - startTime) / 1000 }];
    })
    .sort((left, right) => right.seconds - left.seconds);
}

/** Counts tests; a suite that could not start, or a Jest that died before its report, counts as one failure. */
export async function readJestReport(
  file: string,
  exitCode: number,
): Promise<{ counts: Counts; accessTimes: FileTime[] }> {
  let counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  let accessTimes: FileTime[] = [];
  try {
    const report: JestReport = JSON.parse(await readFile(file, "utf8"));
    accessTimes = accessTimesOf(report);
    counts = {
      passed: report.numPassedTests,
      failed: report.numFailedTests + report.numRuntimeErrorTestSuites,
      skipped: report.numPendingTests + report.numTodoTests,
    };
  } catch (error) {
    if (exitCode === 0) {
      throw new Error("Jest succeeded without writing its report", { cause: error });
    }
  }
  const isUntold = exitCode !== 0 && counts.failed === 0;
  return { counts: isUntold ? { ...counts, failed: 1 } : counts, accessTimes };
}
