import type { CommandModule } from "yargs";

import { createSigningKey } from "../audit/signingKeys.ts";
import { loadConfig } from "../config.ts";
import { auditKeyFolder } from "./auditKeyFolder.ts";

export const auditRotateKeyCommand: CommandModule = {
  command: "rotate-key",
  describe:
    "Make the key that seals from now on, vouched for by the present one; what that one sealed still verifies.",
  handler: () => {
    const folder = auditKeyFolder(loadConfig());
    const { keyId, introducedBy } = createSigningKey(folder);
    console.log(
      `Made the key ${keyId} in ${folder}${introducedBy ? `; ${introducedBy.keyId} vouches for it` : ""}.`,
    );
    console.log("Restart the workers, which seal with the key that they started with.");
  },
};
