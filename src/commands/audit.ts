import type { CommandModule } from "yargs";

import { auditAnchorCommand } from "./auditAnchor.ts";
import { auditExportCommand } from "./auditExport.ts";
import { auditHoldCommand } from "./auditHold.ts";
import { auditHoldsCommand } from "./auditHolds.ts";
import { auditKeepCommand } from "./auditKeep.ts";
import { auditProveCommand } from "./auditProve.ts";
import { auditReleaseCommand } from "./auditRelease.ts";
import { auditRetainCommand } from "./auditRetain.ts";
import { auditRotateKeyCommand } from "./auditRotateKey.ts";
import { auditSealCommand } from "./auditSeal.ts";
import { auditTailCommand } from "./auditTail.ts";
import { auditVerifyCommand } from "./auditVerify.ts";

export const auditCommand: CommandModule = {
  command: "audit [action]",
  describe: "Seal the audit, verify that nobody changed it, prove single events, say how long they are kept.",
  builder: (args) =>
    args
      .command(auditVerifyCommand)
      .command(auditSealCommand)
      .command(auditProveCommand)
      .command(auditAnchorCommand)
      .command(auditExportCommand)
      .command(auditRetainCommand)
      .command(auditKeepCommand)
      .command(auditHoldCommand)
      .command(auditReleaseCommand)
      .command(auditHoldsCommand)
      .command(auditTailCommand)
      .command(auditRotateKeyCommand)
      .demandCommand(
        1,
        "Say what to do: verify, seal, prove, anchor, export, retain, keep, hold, release, holds, tail or rotate-key.",
      ),
  handler: () => undefined,
};
