/** How a server is spoken to: GraphQL at /graphql, or one path for each operation. */
export type Dialect = "postgraphile5" | "postgraphile4" | "graphql" | "plain";

export interface Server {
  name: string;
  title: string;
  dialect: Dialect;
  /** Arguments of node, from the project's root. */
  args: string[];
  /** The product itself, which is started the way production does. */
  isOurs?: boolean;
  /** The folder whose dependencies it needs, which `npm run bench` installs. */
  installs?: string;
}

/** In the order in which tables show them. */
export const SERVERS: readonly Server[] = [
  {
    name: "bailiwick",
    title: "Bailiwick",
    dialect: "postgraphile5",
    args: ["src/server.ts"],
    isOurs: true,
  },
  {
    name: "postgraphile5",
    title: "PostGraphile 5, stock, Express",
    dialect: "postgraphile5",
    args: ["bench/peers/postgraphile5.ts"],
  },
  {
    name: "postgraphile4",
    title: "PostGraphile 4",
    dialect: "postgraphile4",
    args: ["bench/peers/postgraphile4/server.mjs"],
    installs: "bench/peers/postgraphile4",
  },
  {
    name: "mercurius",
    title: "Mercurius, JIT, loaders, hand-written resolvers",
    dialect: "graphql",
    args: ["bench/peers/mercurius.mjs"],
    installs: "bench",
  },
  {
    name: "yoga",
    title: "GraphQL Yoga, DataLoader, hand-written resolvers",
    dialect: "graphql",
    args: ["bench/peers/yoga.mjs"],
    installs: "bench",
  },
  {
    name: "express",
    title: "hand-written: Express, pg, four round trips",
    dialect: "plain",
    args: ["bench/peers/express.ts"],
  },
  {
    name: "pipeline",
    title: "hand-written: node http, one pipelined round trip",
    dialect: "plain",
    args: ["bench/peers/pipeline.ts"],
  },
  {
    name: "json",
    title: "the same, JSON made by Postgres",
    dialect: "plain",
    args: ["bench/peers/pipeline.ts", "--json"],
  },
];

/** The gateway without what puts reads on record; there is no such thing outside of this measurement. */
export const UNRECORDED: Server = {
  name: "unrecorded",
  title: "Bailiwick without the record of reads",
  dialect: "postgraphile5",
  args: ["--import", "./bench/peers/withoutRecord.ts", "src/server.ts"],
  isOurs: true,
};
