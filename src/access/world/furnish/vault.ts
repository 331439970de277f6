import type { RolledBack } from "../rolledBack.ts";
import { fillVault } from "../vaultRows.ts";
import type { World } from "../world.ts";

/** A provider of each clinic and a patient keep one of everything, and share it with the clinic `here`. */
export async function furnishVault(db: RolledBack, { here, there, abroad, portal }: World): Promise<void> {
  for (const owner of [here.provider, there.provider, abroad.provider, portal]) {
    await fillVault(db, owner, here.clinic.id);
  }
}
