import { beforeAll, describe, expect, it } from "@jest/globals";

import { createPatient } from "../../src/access/world/people.ts";
import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
const api = useGateway(db);
let world: World;
beforeAll(async () => {
  world = await createWorld(db.superuser);
  for (let count = 0; count < 5; count++) {
    await createPatient(db.superuser, world.here.clinic);
  }
});

const PAGE = `query Page($orderBy: [PatientOrderBy!], $after: Cursor) {
  patients(first: 2, orderBy: $orderBy, after: $after) { nodes { rowId } pageInfo { endCursor hasNextPage } totalCount }
}`;

async function allPages(orderBy: string | null): Promise<{ ids: string[]; totalCount: number }> {
  const ids: string[] = [];
  for (let after: string | null = null; ;) {
    const { data } = await api.query(world.here.provider, PAGE, {
      variables: { after, ...(orderBy !== null && { orderBy: [orderBy] }) },
    });
    ids.push(...data.patients.nodes.map(({ rowId }: { rowId: string }) => rowId));
    if (!data.patients.pageInfo.hasNextPage) {
      return { ids, totalCount: data.patients.totalCount };
    }
    after = data.patients.pageInfo.endCursor;
  }
}

describe("pages after a cursor", () => {
  it.each([null, "PRIMARY_KEY_DESC", "FAMILY_NAME_ASC", "ORGANIZATION_ID_ASC", "ORGANIZATION_ID_DESC"])(
    "show every row once, ordered by %s",
    async (orderBy) => {
      const { ids, totalCount } = await allPages(orderBy);
      expect(totalCount).toBeGreaterThan(6);
      expect(ids).toHaveLength(totalCount);
      expect(new Set(ids).size).toBe(totalCount);
    },
  );
});
