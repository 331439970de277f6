import { afterAll, beforeAll } from "@jest/globals";

import type { Config } from "../../src/config.ts";
import type { DatabaseUrls } from "../../src/database/databaseUrls.ts";
import { testCluster } from "../support/cluster.ts";
import { administer } from "../support/database.ts";

/** A database of the test's cluster in which there is nothing, as an operator makes one to restore into. */
export function useEmptyDatabase(): { name: string; config: Config; urls: DatabaseUrls } {
  const name = `test_${process.pid}_restored`;
  const template = testCluster().urls;
  beforeAll(() => administer(template, [`create database ${name} template template0`]));
  afterAll(() => administer(template, [`drop database ${name} with (force)`]));
  return { name, ...testCluster(name) };
}
