/** The positional argument of a file, which an empty word is not: it would be the current folder. */
export function backupFile(describe: string) {
  return {
    type: "string",
    demandOption: true,
    describe,
    coerce: (file: string) => {
      if (file === "") {
        throw new Error("Name the file of the backup; got ''.");
      }
      return file;
    },
  } as const;
}
