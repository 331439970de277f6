export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  path: string;
  text: string;
}

const FORBIDDEN_NAMES = /(^|\/)(utils?|helpers?|common|lib|types|misc|shared)(\/|\.[a-z.]+$)/;
const UNFINISHED = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "X" + "XX"].join("|")})\\b`);

/** The most lines a file may have, blank ones and comments included. */
function lineBudget(path: string): number | undefined {
  if (path.startsWith("migrations/fixtures/")) {
    return 150;
  }
  if (path.startsWith("migrations/")) {
    return 600;
  }
  if (path.endsWith(".test.ts")) {
    return 250;
  }
  return /\.[jt]s$/.test(path) ? 300 : undefined;
}

/** Only these may read the environment of the process; everything else takes a Config. */
function mayReadEnvironment(path: string): boolean {
  return path === "src/config.ts" || !/^(src|plugins)\//.test(path);
}

/** Only what talks to a terminal may use the console; everything else takes a logger. */
function mayUseConsole(path: string): boolean {
  return !/^(src|plugins)\//.test(path) || path.startsWith("src/commands/");
}

/** @returns one sentence for each breach of the rules that the tree keeps (CONTRIBUTING, "Style"). */
export function treeFindings(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.split("\n");
    const count = lines.length - (text.endsWith("\n") ? 1 : 0);
    const budget = lineBudget(path);
    const findings: string[] = [];
    if (FORBIDDEN_NAMES.test(path)) {
      findings.push(`${path}: name the missing noun instead`);
    }
    if (budget !== undefined && count > budget) {
      findings.push(`${path}: ${count} lines; at most ${budget} are allowed`);
    }
    lines.forEach((line, index) => {
      const where = `${path}:${index + 1}`;
      if (UNFINISHED.test(line)) {
        findings.push(`${where}: unfinished work belongs in an issue`);
      }
      if (/\bprocess\.env\b/.test(line) && !mayReadEnvironment(path)) {
        findings.push(`${where}: only src/config.ts reads the environment`);
      }
      if (/\bconsole\./.test(line) && !mayUseConsole(path)) {
        findings.push(`${where}: only commands and scripts print`);
      }
    });
    return findings;
  });
}
