import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";

export interface RawAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** Of the first error. */
  code: string | undefined;
  message: string | undefined;
}

/** Posts any body with any headers to `url`/graphql; fetch would refuse some of them. */
export async function post(
  url: string,
  body: string | Buffer,
  { method = "POST", ...headers }: Record<string, string | string[]> & { method?: string } = {},
): Promise<RawAnswer> {
  const request = httpRequest(`${url}/graphql`, {
    method,
    headers: { "content-type": "application/json", ...headers },
  });
  request.end(body);
  const [response] = await once(request, "response");
  const answer = await text(response);
  let error: { message?: string; extensions?: { code?: string } } | undefined;
  try {
    error = JSON.parse(answer).errors?.[0];
  } catch {
    error = undefined;
  }
  return {
    status: response.statusCode,
    headers: response.headers,
    text: answer,
    code: error?.extensions?.code,
    message: error?.message,
  };
}

/** Posts a query with its variables. */
export function ask(
  url: string,
  query: string,
  { variables, headers }: { variables?: object; headers?: Record<string, string> } = {},
): Promise<RawAnswer> {
  return post(url, JSON.stringify({ query, variables }), headers);
}

/** Sends bytes over a connection of its own; what comes back until the server closes it. */
export async function sendBytes(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => undefined);
  socket.write(bytes);
  return text(socket);
}
