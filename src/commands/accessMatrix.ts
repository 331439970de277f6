import { readFile, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";

import { pino } from "pino";
import type { CommandModule } from "yargs";

import { differingLines, matrixPage } from "../access/matrix/matrixPage.ts";
import { type ProbedMatrix, runMatrix } from "../access/matrix/probeMatrix.ts";
import { openWorldDatabase } from "../access/world/openWorldDatabase.ts";
import { PROJECT_ROOT } from "../config.ts";
import type { EmbeddedVersion } from "../database/embedded/binaries.ts";
import { CLEAN, FINDINGS } from "./exitCodes.ts";
import { makeProgressBar } from "./progressBar.ts";

interface AccessMatrixArguments {
  check: boolean;
  json: boolean;
  output: string | undefined;
  postgres: EmbeddedVersion;
}

export const MATRIX_FILE = join(PROJECT_ROOT, "docs/access-matrix.md");

/** Probes a database that the migrations have just made. */
async function accessMatrix(
  version: EmbeddedVersion,
  onProgress: (done: number, total: number) => void,
): Promise<ProbedMatrix> {
  const database = await openWorldDatabase(pino({ level: "silent" }), version);
  try {
    return await runMatrix(database.open, database.world, { onProgress });
  } finally {
    await database.close();
  }
}

/** As `npm run format` leaves it. Loaded when needed: it is a tool of developers, and slow to load. */
export async function formattedPage({ lines }: Pick<ProbedMatrix, "lines">): Promise<string> {
  const { format } = await import("prettier");
  return format(matrixPage(lines), { parser: "markdown" });
}

/** @returns the exit code, after it has printed what there is to say. */
export async function reportMatrix(
  matrix: ProbedMatrix,
  { check, json, output }: Omit<AccessMatrixArguments, "postgres">,
): Promise<number> {
  matrix.gaps.forEach((gap) => console.error(gap));
  if (json) {
    console.log(JSON.stringify(matrix, null, 2));
    return matrix.gaps.length > 0 ? FINDINGS : CLEAN;
  }
  const file = output === undefined ? MATRIX_FILE : resolve(output);
  const name = relative(PROJECT_ROOT, file);
  const page = await formattedPage(matrix);
  const before = await readFile(file, "utf8").catch(() => "");
  const differing = differingLines(before, page);
  if (check) {
    differing.forEach((line) => console.log(line));
    console.log(
      differing.length > 0
        ? `${name} is not what was found (${differing.length} lines); look at each, then run 'npx bailiwick access matrix'.`
        : `${name} is what was found: ${matrix.lines.length} lines.`,
    );
    return differing.length + matrix.gaps.length > 0 ? FINDINGS : CLEAN;
  }
  await writeFile(file, page);
  console.log(`Wrote ${name}: ${matrix.lines.length} lines, ${differing.length} of them new or gone.`);
  return matrix.gaps.length > 0 ? FINDINGS : CLEAN;
}

export const accessMatrixCommand: CommandModule<object, AccessMatrixArguments> = {
  command: "matrix",
  describe:
    "Try every command on every table as every kind of person, with real rows in a throw-away database, and write what was found to docs/access-matrix.md. Exit status 1 if a table or a task of the worker has no probes.",
  builder: (args) =>
    args
      .option("check", {
        type: "boolean",
        default: false,
        describe: "Write nothing; say what differs from the file (exit status 1 if anything does).",
      })
      .option("json", {
        type: "boolean",
        default: false,
        describe: "Print every line as JSON, and write nothing.",
      })
      .option("output", { type: "string", describe: "Another file than docs/access-matrix.md." })
      .option("postgres", {
        choices: [15, 18] as const,
        default: 18 as const,
        describe: "The version of Postgres to try it on.",
      })
      .example("$0 access matrix --check", "fails when anybody can do more or less than the file says"),
  handler: async (given) => {
    const bar = makeProgressBar();
    try {
      const matrix = await accessMatrix(given.postgres, (done, total) =>
        bar.update(done / total, `${done} of ${total} have tried`),
      );
      bar.stop();
      process.exitCode = await reportMatrix(matrix, given);
    } finally {
      bar.stop();
    }
  },
};
