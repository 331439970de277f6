import { describeFailure } from "../describeFailure.ts";
import { withClient } from "./withClient.ts";

/**
 * Throws a sentence that says what to look at when nobody can connect.
 *
 * @param name of the variable or option that the connection string came in: it holds a password, and is not repeated.
 */
export async function assertReachable(name: string, url: string): Promise<void> {
  try {
    await withClient(url, async () => undefined);
  } catch (cause) {
    throw new Error(
      `Cannot connect to ${name} (${describeFailure(cause)}): check that the server runs, and the URL's host, user, password and database.`,
      { cause },
    );
  }
}
