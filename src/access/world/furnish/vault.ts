import type { FullWorld } from "../fullWorld.ts";
import type { RolledBack } from "../rolledBack.ts";
import { fillVault } from "../vaultRows.ts";

/** A provider of each clinic and a patient keep one of everything, and share it with the clinic `here`. */
export async function furnishVault(db: RolledBack, world: FullWorld): Promise<void> {
  const { here, there, abroad, portal } = world;
  for (const owner of [here.provider, there.provider, abroad.provider]) {
    await fillVault(db, owner, here.clinic.id);
  }
  world.shareToken = await fillVault(db, portal, here.clinic.id);
}
