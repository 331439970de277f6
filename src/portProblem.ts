import { createServer } from "node:net";

/** Why nothing can listen there, as a sentence that says what to do; null when something can. */
export function portProblem(
  host: string,
  port: number,
  variable: "PORT" | "ADMIN_PORT" | "WORKER_ADMIN_PORT",
): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(describe(error, host, port, variable)));
    server.listen(port, host, () => server.close(() => resolve(null)));
  });
}

function describe(error: NodeJS.ErrnoException, host: string, port: number, variable: string): string {
  switch (error.code) {
    case "EADDRINUSE":
      return `Port ${port} on ${host} is taken: stop what listens there (perhaps another 'npm start'), or set ${variable} to a free port.`;
    case "EACCES":
      return `This user may not listen on port ${port}: set ${variable} to one above 1023.`;
    default:
      return `Cannot listen on ${host}:${port} (${error.message}): check HOST and ${variable}.`;
  }
}
