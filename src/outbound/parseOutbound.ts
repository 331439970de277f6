import { BlockList, isIP } from "node:net";

export interface OutboundConfig {
  /** Networks, as CIDR, that webhooks may reach although they are not public, and by plain http. */
  webhookNetworks: readonly string[];
  /** Where Google's API is asked for, instead of at Google; without a slash at its end. */
  googleApiUrl: string | null;
}

interface Reader {
  problems: string[];
  text(name: string): string | null;
  url(name: string, protocols: readonly string[]): string | null;
}

/** What leaves this installation, and how far it may go. */
export function parseOutbound(read: Reader): OutboundConfig {
  const networks = read.text("WEBHOOK_PRIVATE_NETWORKS")?.split(/\s*,\s*/) ?? [];
  for (const network of networks.filter((text) => !isNetwork(text))) {
    read.problems.push(
      `WEBHOOK_PRIVATE_NETWORKS must be networks such as 10.1.0.0/16 or fd00::/8, separated by commas; got '${network}'`,
    );
  }
  return {
    webhookNetworks: networks,
    googleApiUrl: read.url("GOOGLE_API_URL", ["https:", "http:"])?.replace(/\/+$/, "") ?? null,
  };
}

function isNetwork(text: string): boolean {
  const [address = "", prefix = "", ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0 || !/^\d{1,3}$/.test(prefix)) {
    return false;
  }
  try {
    new BlockList().addSubnet(address, Number(prefix), family === 6 ? "ipv6" : "ipv4");
    return true;
  } catch {
    return false;
  }
}
